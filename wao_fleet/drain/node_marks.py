"""The marks on a Node that is being drained: a taint of ours, and the cordon.

A write is a patch with the resource version that was read, so that it never undoes a change of someone else. Taint and
annotation name the application, so that it finds its own marks after a restart and never removes those of others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from wao_core.cluster.names import DRAINING
from wao_core.cluster.records import Node
from wao_core.kube.client import MERGE_PATCH, KubeClient, KubeError, object_of
from wao_core.kube.resources import NODES
from wao_predict.backoff import Backoff

log = logging.getLogger(__name__)

CORDONED_BY = "waok8s.github.io/cordoned-by"
"""Annotation of a Node that an application of ours made unschedulable."""
ATTEMPTS = 8
"""Reads and writes of one change, of which all but the last may meet a change of someone else."""

Change = Callable[[Mapping[str, Any]], Mapping[str, Any] | None]
"""Returns the patch for a Node as it is, None when it needs none."""


class NotOurs(Exception):
    """Another application drains or cordoned the node."""


def marked_by(nodes: Iterable[Node], purpose: str) -> list[str]:
    """Return the names of the nodes that `purpose` has marked as being drained, in order."""
    return sorted(node.name for node in nodes if draining_for(node) == purpose)


def is_marked(node: Node, purpose: str) -> bool:
    """Return whether a node has the taint or the annotation of `purpose`, whether it is cordoned or not."""
    return draining_for(node) == purpose or node.annotations.get(CORDONED_BY) == purpose


def draining_for(node: Node) -> str | None:
    """Return the application that drains a node, or None."""
    return next((taint.value for taint in node.taints if taint.key == DRAINING), None)


async def mark_draining(client: KubeClient, name: str, purpose: str) -> bool:
    """Put the taint on a Node that asks schedulers to prefer other nodes; return False if there is no such Node.

    Parameters
    ----------
    purpose
        Name of the application that drains it, such as "rebalance".

    Raises
    ------
    NotOurs
        Another application drains the node.
    KubeError
        The Node was not changed.
    """

    def change(node: Mapping[str, Any]) -> Mapping[str, Any] | None:
        taints = _taints(node)
        owner = next((taint.get("value") for taint in taints if taint.get("key") == DRAINING), None)
        if owner is not None and owner != purpose:
            raise NotOurs(f"Node {name} is being drained by {owner}")
        ours = {"key": DRAINING, "value": purpose, "effect": "PreferNoSchedule"}
        return None if owner == purpose else {"spec": {"taints": [*taints, ours]}}

    return await _change(client, name, change)


async def unmark_draining(client: KubeClient, name: str, purpose: str) -> bool:
    """Remove the taint that `mark_draining` put on a Node; return False if there is no such Node.

    Raises
    ------
    KubeError
        The Node was not changed.
    """

    def change(node: Mapping[str, Any]) -> Mapping[str, Any] | None:
        taints = _taints(node)
        rest = [taint for taint in taints if (taint.get("key"), taint.get("value")) != (DRAINING, purpose)]
        return None if len(rest) == len(taints) else {"spec": {"taints": rest or None}}

    return await _change(client, name, change)


async def cordon(client: KubeClient, name: str, purpose: str) -> bool:
    """Make a Node unschedulable; return False if there is no such Node.

    Raises
    ------
    NotOurs
        Somebody else has cordoned it.
    KubeError
        The Node was not changed.
    """

    def change(node: Mapping[str, Any]) -> Mapping[str, Any] | None:
        owner = _annotations(node).get(CORDONED_BY)
        if (node.get("spec") or {}).get("unschedulable"):
            if owner == purpose:
                return None
            raise NotOurs(f"Node {name} was cordoned by {owner or 'somebody else'}")
        return {"metadata": {"annotations": {CORDONED_BY: purpose}}, "spec": {"unschedulable": True}}

    return await _change(client, name, change)


async def uncordon(client: KubeClient, name: str, purpose: str) -> bool:
    """Make a Node schedulable again that `cordon` made unschedulable; return False if there is no such Node.

    Raises
    ------
    KubeError
        The Node was not changed.
    """

    def change(node: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if _annotations(node).get(CORDONED_BY) != purpose:
            return None
        return {"metadata": {"annotations": {CORDONED_BY: None}}, "spec": {"unschedulable": None}}

    return await _change(client, name, change)


async def _change(client: KubeClient, name: str, change: Change) -> bool:
    path, backoff = NODES.path(name=name), Backoff(initial=0.1, maximum=2.0)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            node = object_of(await client.get(path), "Node", path)
            patch = change(node)
            if patch is None:
                return True
            metadata = {**patch.get("metadata", {}), "resourceVersion": _metadata(node).get("resourceVersion")}
            await client.send("PATCH", path, body={**patch, "metadata": metadata}, content_type=MERGE_PATCH)
            return True
        except KubeError as error:
            if error.status_code == 404:
                return False
            if error.status_code != 409 or attempt == ATTEMPTS:
                raise
            log.debug("Node %s changed meanwhile; reading it again", name)
        await asyncio.sleep(backoff.next())
    raise AssertionError("the last attempt returns or raises")


def _metadata(node: Mapping[str, Any]) -> Mapping[str, Any]:
    return node.get("metadata") or {}


def _annotations(node: Mapping[str, Any]) -> Mapping[str, str]:
    return _metadata(node).get("annotations") or {}


def _taints(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list((node.get("spec") or {}).get("taints") or ())
