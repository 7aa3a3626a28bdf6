"""Which nodes standby may switch off at all. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wao_core.cluster.records import Node, NodeConfig
from wao_core.cluster.sleeping import STANDBY
from wao_fleet.drain.node_marks import CORDONED_BY, draining_for, is_marked
from wao_fleet.standby.progress import Progress

PURPOSE = STANDBY
"""The name under which standby cordons nodes."""
NEVER = "waok8s.github.io/standby"
"""Annotation or label of a Node that keeps it on: "never"."""
KEPT_LABELS = (
    "node-role.kubernetes.io/control-plane",
    "node-role.kubernetes.io/master",
    "node-role.kubernetes.io/etcd",
    "node-role.kubernetes.io/storage",
    "cluster.ocs.openshift.io/openshift-storage",
    "node.longhorn.io/create-default-disk",
    "openebs.io/engine=mayastor",
)
"""Labels of nodes of the control plane, of storage and of quorums, as KEY or KEY=VALUE."""
AUTOSCALER_TAINTS = ("ToBeDeletedByClusterAutoscaler", "DeletionCandidateOfClusterAutoscaler")


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What makes a node a candidate or not.

    Attributes
    ----------
    node
        None for a node that is not in the cluster.
    config
        The NodeConfig that counts for it, None for none.
    volume
        A PersistentVolume whose data is, or may be, on it; empty for none.
    """

    node: Node | None
    config: NodeConfig | None
    progress: Progress
    volume: str = ""


def why_never(facts: NodeFacts, kept: Sequence[str] = KEPT_LABELS) -> str:
    """Return why standby may not switch a node off whatever the load is, or an empty string when it may.

    Parameters
    ----------
    kept
        Labels of nodes that stay on, as KEY or KEY=VALUE.

    Examples
    --------
    >>> why_never(NodeFacts(Node(name="n1"), None, Progress()))
    'its NodeConfig has no standby'
    """
    node, config = facts.node, facts.config
    if config is None or config.standby is None:
        left = node is not None and is_marked(node, PURPOSE)
        return f"its NodeConfig has no standby{', but it is still drained or switched off by standby' if left else ''}"
    if node is None:
        return "there is no such Node"
    if "never" in (node.annotations.get(NEVER), node.labels.get(NEVER)):
        return f'its {NEVER} is "never"'
    label = next((label for label in kept if _has(node, label)), "")
    if label:
        return f"it has the label {label}"
    if facts.volume:
        return f"the data of PersistentVolume {facts.volume} is on it, or may be, as nodeAffinity does not exclude it"
    if any(taint.key in AUTOSCALER_TAINTS for taint in node.taints):
        return "cluster-autoscaler is removing it: do not run both on the same nodes"
    return ""


def why_not_now(facts: NodeFacts) -> str:
    """Return why a node that runs must not be switched off now, or an empty string when it may."""
    node, progress = facts.node, facts.progress
    assert node is not None
    if progress.wake_failed:
        return f"its last start failed: {progress.wake_failed}"
    if node.terminating:
        return "it is being deleted"
    if not node.ready:
        return "it is not Ready"
    if node.unschedulable and node.annotations.get(CORDONED_BY) != PURPOSE:
        return "somebody else has cordoned it"
    if (other := draining_for(node)) not in (None, PURPOSE):
        return f"it is being drained by {other}"
    return ""


def _has(node: Node, label: str) -> bool:
    key, equals, value = label.partition("=")
    return key in node.labels and (not equals or node.labels[key] == value)
