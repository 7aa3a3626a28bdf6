"""Which Pods may be evicted to empty a node. Pure."""

from __future__ import annotations

from collections.abc import Container

from wao_core.cluster.names import EVICTABLE
from wao_fleet.drain.pods import FleetPod


def belongs_to_node(pod: FleetPod) -> bool:
    """Return whether a Pod lives and ends with its node: it neither moves nor keeps the node from being empty."""
    return pod.mirror or pod.tied_to_node


def why_not_evictable(pod: FleetPod, *, jobs: bool = False, local_claims: Container[str] = ()) -> str:
    """Return why a Pod must not be evicted, or an empty string when it may.

    Parameters
    ----------
    jobs
        Whether Pods of Jobs may be evicted; the work that they have done is lost.
    local_claims
        PersistentVolumeClaims, as namespace/name, whose volume is on one node.

    Examples
    --------
    >>> from wao_core.cluster.records import OwnerRef
    >>> why_not_evictable(FleetPod(name="a", namespace="n", owner=OwnerRef("ReplicaSet", "r")))
    ''
    >>> why_not_evictable(FleetPod(name="a", namespace="n"))
    'it has no owner that would create it again'
    """
    wish = pod.annotations.get(EVICTABLE)
    if wish is not None and wish not in ("true", "false"):
        return f'its annotation {EVICTABLE} is {wish!r:.40}: write "true" or "false"'
    if wish == "false":
        return f'its annotation {EVICTABLE} is "false"'
    return _never(pod, local_claims) or ("" if wish == "true" else _by_default(pod, jobs))


def _never(pod: FleetPod, local_claims: Container[str]) -> str:
    """Return the reason that no annotation overrides."""
    if pod.mirror:
        return "it is a static Pod of the kubelet"
    if pod.owner is None:
        return "it has no owner that would create it again"
    if belongs_to_node(pod):
        return f"it belongs to the {pod.owner.kind} {pod.owner.name}"
    if "hostPath" in pod.local_volumes:
        return "it has a hostPath volume, whose data is on this node"
    local = [claim for claim in pod.claims if f"{pod.namespace}/{claim}" in local_claims]
    if local:
        return f"the volume of its claim {local[0]} is on one node"
    return ""


def _by_default(pod: FleetPod, jobs: bool) -> str:
    """Return the reason that the annotation "true" overrides."""
    if pod.owner is not None and pod.owner.kind == "Job" and not jobs:
        return "it belongs to a Job, which would lose its work"
    if pod.local_volumes:
        return f"it has an {pod.local_volumes[0]} volume, whose data would be lost"
    if pod.critical:
        return "its priority class is one of the system"
    return ""
