"""Nodes that carry the marks of standby although no NodeConfig with standby is known that could wake them.

That is so when a NodeConfig loses its standby while its node sleeps and the controller restarts: how to reach the BMC
is not known any more.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from wao_core.cluster.records import Node, NodeConfig
from wao_fleet.drain.node_marks import is_marked
from wao_fleet.standby.candidates import PURPOSE
from wao_fleet.standby.sequence import Notice
from wao_fleet.standby.sequences import Sequences

STEADY = 60.0
"""Seconds that a node must be Ready before it is given back: one that was just switched off still looks Ready."""
LOST = Notice(
    "StandbyForgotten",
    "standby drained it or switched it off, and its NodeConfig no longer has standby: set spec.standby again, or "
    "switch the server on; it takes Pods again when it has been Ready for a minute",
    warning=True,
)
RETURNED = Notice("Awake", "Ready again; standby no longer switches it")


class ForgottenNodes:
    """Finds such nodes: those to report, once each, and those that are up again.

    Examples
    --------
    >>> ForgottenNodes().look([Node(name="n1")], known=(), now=0.0)
    ([], [])
    """

    def __init__(self) -> None:
        self._ready_since: dict[str, float] = {}
        self._reported: set[str] = set()

    def look(self, nodes: Iterable[Node], known: Container[str], now: float) -> tuple[list[Node], list[Node]]:
        """Return the nodes to report and the nodes to release; those in `known` have a sequence."""
        found = {node.name: node for node in nodes if node.name not in known and is_marked(node, PURPOSE)}
        ready = [name for name, node in found.items() if node.ready and not node.terminating]
        self._ready_since = {name: self._ready_since.get(name, now) for name in ready}
        new = found.keys() - self._reported - self._ready_since.keys()
        self._reported = (self._reported & found.keys()) | new
        returned = [found[name] for name, since in self._ready_since.items() if now - since >= STEADY]
        return [found[name] for name in sorted(new)], returned


async def care_for(
    lost: Iterable[Node], returned: Iterable[Node], sequences: Sequences, configs: Mapping[str, NodeConfig]
) -> None:
    """Report nodes, and release others; `configs` are the NodeConfigs by node."""
    for node in lost:
        await sequences.record(node.name, node, LOST)
    for node in returned:
        await sequences.record(node.name, node, RETURNED)
        await sequences.release(node, configs.get(node.name))
