"""Doubts at which standby switches nothing off. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from wao_core.cluster.records import Node
from wao_fleet.standby.candidates import AUTOSCALER_TAINTS
from wao_fleet.standby.progress import Phase, Progress


def unreadable_doubt(pods: Mapping[str, str]) -> str:
    """Return which Pod cannot be read, as it may be on any node, or an empty string; `pods` has the reasons by key.

    Examples
    --------
    >>> unreadable_doubt({"d/p": "spec: not an object"})
    'Pod d/p cannot be read: spec: not an object'
    """
    return next((f"Pod {key} cannot be read: {reason}" for key, reason in sorted(pods.items())), "")


SHRUNK = 900.0
"""Time after the loss of a node in which nothing is switched off [s]."""


class LostCapacity:
    """Notices that nodes vanish or fail, which standby must not add to.

    A node that runs and is not Ready counts for `SHRUNK` seconds after it was first seen so, and so does a node that
    was deleted. A node that standby switches does not count.
    """

    def __init__(self) -> None:
        self._known: frozenset[str] = frozenset()
        self._lost: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._lost)

    def doubt(self, nodes: Mapping[str, Node], progress: Mapping[str, Progress], now: float) -> str:
        """Return which node was lost, or an empty string; `now` in seconds."""
        for name, node in nodes.items():
            if any(taint.key in AUTOSCALER_TAINTS for taint in node.taints):
                return f"cluster-autoscaler is removing {name}"
        running = {name for name in nodes if progress.get(name, Progress()).phase is Phase.RUNNING}
        down = {name for name in running if not nodes[name].ready or nodes[name].terminating}
        gone = self._known - nodes.keys()
        self._lost = {
            name: since
            for name, since in self._lost.items()
            if name in down or (name not in nodes and now - since < SHRUNK)
        }
        for name in sorted(down | gone):
            self._lost.setdefault(name, now)
        self._known = frozenset(nodes)
        recent = [name for name, since in self._lost.items() if now - since < SHRUNK]
        return f"{min(recent)} was lost: capacity is shrinking elsewhere" if recent else ""
