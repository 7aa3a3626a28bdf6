"""The real applications and the page on a fleet with fixed sensor values and jobs, in a thread."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from wao_demo.apps import apps, page
from wao_demo.fleet import Server, servers, write
from wao_demo.run import fleet_of
from wao_predict.simulate.placement import lookahead

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
JOBS_PER_SERVER = 8
CREATED = "2026-01-01T00:00:00Z"


@contextmanager
def serving_fleet(folder: Path, per_type: int, *, jobs: bool = True) -> Iterator[str]:
    """Run the applications and the page in a thread, with or without jobs, and yield the address of the page."""
    address: Future[str] = Future()
    loop = asyncio.new_event_loop()
    end = asyncio.Event()

    async def main() -> None:
        try:
            manifests = folder / "manifests"
            (write_busy if jobs else write)(manifests, servers(per_type))
            async with apps(manifests, folder) as running, page(manifests, folder, running) as served:
                address.set_result(served.url)
                await end.wait()
        except Exception as error:
            address.set_exception(error)

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()))
    thread.start()
    try:
        yield address.result(300)
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(60)
        loop.close()


def write_busy(folder: Path, fleet: list[Server]) -> None:
    """Write a fleet on which the scheduler's rule has placed jobs of one core, each of which uses its core.

    The load that was there before belongs to a Pod of a DaemonSet, so that all load has an owner.
    """
    inlet = {server.name: server.inlet_temp for server in fleet}
    pressure = {server.name: server.delta_p for server in fleet}
    jobs = lookahead(fleet_of(fleet, inlet, pressure), 1.0, JOBS_PER_SERVER * len(fleet)).tolist()
    busy = [replace(server, usage_cores=server.usage_cores + count) for server, count in zip(fleet, jobs, strict=True)]
    write(folder, busy)
    pods = [_pod(f"system-{server.name}", server, server.usage_cores, "DaemonSet") for server in fleet]
    pods += [
        _pod(f"job-{server.name}-{number}", server, 1.0, "Job")
        for server, count in zip(fleet, jobs, strict=True)
        for number in range(count)
    ]
    (folder / "pods.yaml").write_text(yaml.safe_dump_all(pods, sort_keys=False), encoding="utf-8")


def _pod(name: str, server: Server, cores: float, owner: str) -> dict[str, Any]:
    resources = {"requests": {"cpu": f"{round(1000 * cores)}m"}}
    reference = {"apiVersion": "v1", "kind": owner, "name": owner.lower(), "uid": f"uid-{owner}", "controller": True}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"uid-{name}",
            "creationTimestamp": CREATED,
            "ownerReferences": [reference],
        },
        "spec": {
            "nodeName": server.name,
            "containers": [{"name": "main", "image": "registry.example/main:1", "resources": resources}],
        },
        "status": {
            "phase": "Running",
            # long ago: the CPU use of the node has its use
            "containerStatuses": [{"name": "main", "state": {"running": {"startedAt": CREATED}}}],
        },
    }
