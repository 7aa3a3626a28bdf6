"""Nodes that `wao standby` has switched off, as other servers see them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from wao_core.cluster.names import DRAINING
from wao_core.cluster.records import Node, NodeConfig

STANDBY = "standby"
"""Value of the taint `DRAINING` on nodes that standby drains and switches off."""


def is_asleep(node: Node) -> bool:
    """Return whether standby has switched a node off: it has drained the node, and the node is not Ready.

    Examples
    --------
    >>> is_asleep(Node(name="n1", ready=False))
    False
    """
    return not node.ready and any(taint.key == DRAINING and taint.value == STANDBY for taint in node.taints)


def sleeping_watts(nodes: Iterable[Node], configs: Iterable[NodeConfig]) -> dict[str, float]:
    """Return the power of each node that sleeps, that of its BMC [W], as its NodeConfig states it."""
    asleep = {node.name for node in nodes if is_asleep(node)}
    held = [config for config in configs if config.standby is not None and config.node_name in asleep]
    return {config.node_name: config.standby.off_watts for config in held if config.standby is not None}
