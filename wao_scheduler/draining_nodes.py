"""Nodes that are being drained, by the taint of the application that drains them: no Pod should return to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wao_core.cluster.names import DRAINING
from wao_core.cluster.records import Kind, Node
from wao_core.cluster.state import Change, ClusterState


class DrainingNodes:
    """Follows the Nodes of a state, so that a taint counts at once and not from the next snapshot on."""

    def __init__(self, state: ClusterState) -> None:
        self._by: dict[str, str] = {}
        for node in state.nodes.values():
            self._note(node)
        state.subscribe([Kind.NODE], self._observe)

    def among(self, names: Sequence[str]) -> Mapping[int, str]:
        """Return the reason to avoid a node that is being drained, by its position in `names`."""
        if not self._by:
            return {}
        found = {index: self._by[name] for index, name in enumerate(names) if name in self._by}
        return {index: f"{by} is draining this node" for index, by in found.items()}

    def _observe(self, change: Change) -> None:
        if isinstance(change.new, Node):
            self._note(change.new)
        else:
            self._by.pop(change.key, None)

    def _note(self, node: Node) -> None:
        by = next((taint.value for taint in node.taints if taint.key == DRAINING), None)
        if by is None:
            self._by.pop(node.name, None)
        else:
            self._by[node.name] = by
