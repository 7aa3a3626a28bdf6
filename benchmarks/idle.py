"""The CPU time and memory of each part while nothing changes but the sensors.

    python -m benchmarks.idle

First on a folder of manifests, with 1,000 and with 5,000 nodes whose Fake sensors are read every 10 s. All parts run at
the same time, so that they share the noise of the machine. Then everything of ours on a real control plane with as many
nodes of kwok, next to metrics-server: the servers, rebalancing and standby as shipped, and as root the agent of
one node, in a network namespace of its own, with 100 Services. This needs `make bed` once.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.cluster import cluster
from benchmarks.figures import record
from benchmarks.processes import cpu_seconds, resident_bytes, wao_server
from tests.cluster.lb.site import PODS, SERVICES, SLICES, NodeNamespace, service, slice_of
from tests.cluster.scheduler.fleets import Group
from tests.cluster.scheduler.site import Site
from tests.fakes.workload_manifests import MANIFESTS
from tests.netns.conftest import why_not
from wao_predict.models import list_models

SIZES = (1000, 5000)
PARTS = ("metrics-api", "scheduler", "lb")
SETTLE, WINDOW = 30.0, 60.0
"""Time until the start is over, and time that is measured [s]."""
STATUSES_PER_SECOND = 20
SERVICES_OF_AGENT = 100
REFERENCE = "the metrics adapter of the reference in a cluster of 1,000 nodes: 2.3 % of a core"
MIB = 1024 * 1024
FAKE = {"type": "Fake", "endpoint": "", "fetchInterval": "10s"}


class OftenRead(Group):
    """Nodes whose sensors are read every 10 s."""

    def node_configs(self) -> list[dict[str, Any]]:
        configs = super().node_configs()
        for item in configs:
            for sensor in ("inletTemp", "deltaP"):
                item["spec"]["metricsCollector"][sensor]["fetchInterval"] = "10s"
        return configs


def main() -> None:
    """Measure and print."""
    for count in SIZES:
        _on_manifests(count)
    for count in SIZES:
        with cluster(thrifty=True) as bed:
            if bed is not None:
                site = Site(bed, bed.start_metrics_server(), settings={})
                try:
                    _on_control_plane(site.start(schedulers=False), count)
                finally:
                    site.close()
    print(f"   {REFERENCE}")


def _on_manifests(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        (Path(folder) / "fleet.json").write_text(json.dumps(_fleet(count)))
        options = ("--manifests", folder, "--port", "0")
        pids = {part: stack.enter_context(wao_server(part, *options))[1] for part in PARTS}
        time.sleep(SETTLE)
        _measure(pids, f"{count:,} nodes in manifests")


def _on_control_plane(site: Site, count: int) -> None:
    types = [info.name for info in list_models()]
    site.create(OftenRead("idle", dict.fromkeys(types, count // len(types)), load=(0.1, 30.0)))
    weights = site.deployment.start("wao-lb")
    for optional in ("rebalance", "standby"):
        site.deployment.apply(MANIFESTS / optional)
    pids = {
        "controller": site.deployment.running[0].process.pid,
        "metrics-api": site.metrics_api.process.pid,
        "scheduler": site.extender.process.pid,
        "lb": weights.process.pid,
        "rebalance": site.deployment.start("wao-rebalance").process.pid,
        "standby": site.deployment.start("wao-standby").process.pid,
        "metrics-server (peer)": site.metrics_server.pid,
    }
    with _agent(site, weights.port) as agent:
        time.sleep(SETTLE + 2.0 * count / STATUSES_PER_SECOND)  # statuses are written twice: their sensors changed
        _measure(pids | agent, f"{count:,} nodes in a cluster")


@contextmanager
def _agent(site: Site, port: int) -> Iterator[dict[str, int]]:
    """Run the agent of one node with the weights of some Services; yields its process, nothing where it cannot run."""
    if why := why_not():
        print(f"without lb-agent: {why}")
        yield {}
        return
    pods = [item for item in site.bed.admin.get(PODS)["items"] if item.get("status", {}).get("podIP")]
    names = [f"idle-{number}" for number in range(SERVICES_OF_AGENT)]
    site.bed.admin.create_all(SERVICES, [service(name) for name in names])
    site.bed.admin.create_all(
        SLICES, [slice_of(name, pods[10 * row : 10 * row + 10]) for row, name in enumerate(names)]
    )
    node = NodeNamespace(site.bed, port)
    node.start()
    try:
        variables = {"NODE_NAME": pods[0]["spec"]["nodeName"], "NODE_IP": "127.0.0.1"}
        started = site.deployment.start(
            "wao-lb-agent", "--cluster-cidr=10.244.0.0/16", within=node.within, variables=variables
        )
        yield {"lb-agent": started.process.pid}
        started.stop()
    finally:
        node.stop()


def _measure(pids: Mapping[str, int], what: str) -> None:
    before, began = {part: cpu_seconds(pid) for part, pid in pids.items()}, time.monotonic()
    time.sleep(WINDOW)
    seconds = time.monotonic() - began
    for part, pid in pids.items():
        share, memory = (cpu_seconds(pid) - before[part]) / seconds, resident_bytes(pid) / MIB
        print(f"{part:22} {what:26} {share:6.2%} of a core, {memory:.0f} MiB", flush=True)
        record(f"{part}, {what}", 100 * share, "% of a core")
        record(f"{part}, {what}: memory", memory, "MiB")


def _fleet(count: int) -> dict[str, object]:
    models = [info.name for info in list_models()]
    items: list[dict[str, object]] = []
    for number in range(count):
        name = f"node-{number}"
        capacity = {"cpu": "32", "memory": "64Gi"}
        items.append(
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": name},
                "status": {"capacity": capacity, "allocatable": capacity},
            }
        )
        items.append(
            {
                "apiVersion": "node.waok8s.github.io/v1beta1",
                "kind": "NodeConfig",
                "metadata": {"name": name, "namespace": "wao-system"},
                "spec": {
                    "nodeName": name,
                    "metricsCollector": {"inletTemp": FAKE, "deltaP": FAKE},
                    "predictor": {"powerConsumption": {"type": "Onnx", "endpoint": models[number % len(models)]}},
                },
            }
        )
    return {"apiVersion": "v1", "kind": "List", "items": items}


if __name__ == "__main__":
    main()
