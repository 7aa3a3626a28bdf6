"""Reads the heartbeat of one Node: records leave it out, because it changes all the time."""

from __future__ import annotations

from collections.abc import Mapping

from wao_core.kube.client import KubeClient, KubeError, object_of
from wao_core.kube.resources import NODES


async def read_heartbeat(client: KubeClient, name: str) -> tuple[bool, str]:
    """Return whether a Node is Ready, and the time of its last heartbeat as text; False and "" if there is no Node.

    Raises
    ------
    KubeError
        The Node cannot be read.
    """
    path = NODES.path(name=name)
    try:
        node = object_of(await client.get(path), "Node", path)
    except KubeError as error:
        if error.status_code == 404:
            return False, ""
        raise
    status = node.get("status") or {}
    found = status.get("conditions")
    for condition in found if isinstance(found, list) else ():
        if isinstance(condition, Mapping) and condition.get("type") == "Ready":
            return condition.get("status") == "True", str(condition.get("lastHeartbeatTime") or "")
    return False, ""
