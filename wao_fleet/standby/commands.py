"""What the commands of `wao standby` read from and write to the API server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from wao_core.kube.client import MERGE_PATCH, KubeClient
from wao_core.kube.collection import objects_of
from wao_core.kube.resources import NODE_CONFIGS
from wao_core.source.decoders import decode_object
from wao_fleet.standby.kill_switch import KEY, NAME, path_of
from wao_fleet.standby.progress import Progress
from wao_fleet.standby.requests import REQUEST
from wao_predict.errors import UsageError
from wao_predict.timestamps import format_rfc3339

T = TypeVar("T")


def with_client(kubeconfig: Path | None, work: Callable[[KubeClient], Awaitable[T]]) -> T:
    """Return the result of `work` with a client of the API server, which is closed afterwards."""

    async def connected() -> T:
        client = await KubeClient.connect(kubeconfig)
        try:
            return await work(client)
        finally:
            await client.close()

    return asyncio.run(connected())


async def read_states(client: KubeClient) -> list[dict[str, Any]]:
    """Return the state of every node whose NodeConfig has standby, in the order of their names."""
    found = [
        _state(item) for item in await _node_configs(client) if (item.get("spec") or {}).get("standby") is not None
    ]
    return sorted(found, key=lambda state: str(state["node"]))


def _state(item: dict[str, Any]) -> dict[str, Any]:
    progress = Progress.of_status(item.get("status") or {})
    standby = item["spec"]["standby"]
    return {
        "node": item["spec"].get("nodeName", ""),
        "method": standby.get("method") or "DryRun",
        "phase": progress.phase.value,
        "power": ((item.get("status") or {}).get("standby") or {}).get("powerState", "Unknown"),
        "tested": "yes" if progress.wake_tested else "no",
        "failed": progress.wake_failed or "-",
        "since": format_rfc3339(progress.since) if progress.since else "-",
        "reason": progress.reason or "-",
    }


async def request(client: KubeClient, node: str, action: str) -> str:
    """Write a request into the annotation of the node's NodeConfig, and return what to watch.

    Raises
    ------
    UsageError
        The node has no NodeConfig with standby.
    KubeError
        The API server refused it.
    """
    items = [item for item in await _node_configs(client) if (item.get("spec") or {}).get("nodeName") == node]
    able = [item for item in items if item["spec"].get("standby") is not None]
    if not able:
        problem = "its NodeConfig has no standby" if items else "it has no NodeConfig"
        raise UsageError(f"{node}: {problem}: set spec.standby in its NodeConfig or NodeConfigTemplate")
    stamp = format_rfc3339(time.time(), microseconds=True)
    for item in able:
        metadata = item["metadata"]
        decode_object("NodeConfig", item)  # an invalid one would never be carried out
        path = NODE_CONFIGS.path(metadata["namespace"], metadata["name"])
        body = {"metadata": {"annotations": {REQUEST: f"{action} {stamp}"}}}
        await client.send("PATCH", path, body=body, content_type=MERGE_PATCH)
    return f"requested: {action} {node}; follow it with: kubectl get events --field-selector involvedObject.name={node}"


async def set_stop(client: KubeClient, namespace: str, *, stop: bool) -> None:
    """Set the kill switch."""
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": namespace},
        "data": {KEY: "true" if stop else "false"},
    }
    await client.apply(path_of(namespace), body, manager="wao-standby-command")


async def _node_configs(client: KubeClient) -> list[dict[str, Any]]:
    path = NODE_CONFIGS.path()
    return objects_of(await client.get(path), path)
