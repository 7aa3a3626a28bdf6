"""What the rebalancer remembers, so that it does not repeat moves that failed. Pure.

* Each Pod of a workload is moved at most twice within its hold time, on average: once, and once more if it went to the
  wrong place. If it is wanted again soon after, its Pods come back
  where they cost too much, and the hold time doubles.
* A node whose drain failed is left alone for a time that doubles with each failure.
* While moves save less than predicted, plans are made less often.

It survives a restart as a small JSON document.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from wao_predict.json_values import NOT_JSON

FIRST_HOLD, LONGEST_HOLD = 3600.0, 86_400.0
"""Hold time of a workload or node at first and at most [s]."""
MOVES = 2
"""Moves of each Pod of a workload within its hold time, on average."""
SLOWEST = 16.0
"""Largest factor of the period between two plans."""
MOST = 5000
"""Workloads and nodes that are remembered of each."""


class Hold(msgspec.Struct):
    """The moves of one workload, or the failures of one node, since a time [s since the epoch]."""

    since: float
    count: int = 1
    hold: float = FIRST_HOLD

    def holds(self, now: float) -> bool:
        """Return whether the hold time has not passed yet."""
        return now - self.since < self.hold

    def soon(self, now: float) -> bool:
        """Return whether the hold time has passed only recently."""
        return now - self.since < 3.0 * self.hold


class _Document(msgspec.Struct):
    workloads: dict[str, Hold] = msgspec.field(default_factory=dict)
    nodes: dict[str, Hold] = msgspec.field(default_factory=dict)
    pace: float = 1.0


@dataclass
class Memory:
    """What happened to workloads and nodes.

    Attributes
    ----------
    pace
        Factor of the period between two plans, from 1 to `SLOWEST`.
    """

    workloads: dict[str, Hold] = field(default_factory=dict)
    nodes: dict[str, Hold] = field(default_factory=dict)
    pace: float = 1.0

    @classmethod
    def from_json(cls, text: str) -> Memory:
        """Return the memory in a document; an empty one for a document that cannot be read."""
        try:
            found = msgspec.json.decode(text, type=_Document)
        except NOT_JSON:
            return cls()
        return cls(found.workloads, found.nodes, min(max(found.pace, 1.0), SLOWEST))

    def to_json(self) -> str:
        """Return the memory as a document."""
        return msgspec.json.encode(_Document(self.workloads, self.nodes, self.pace)).decode()

    def moved(self, workload: str, now: float) -> None:
        """Note that a Pod of a workload was evicted."""
        known = self.workloads.get(workload)
        if known is not None and known.holds(now):
            known.count += 1
            return
        again = known is not None and known.soon(now)
        hold = min(2.0 * known.hold, LONGEST_HOLD) if known is not None and again else FIRST_HOLD
        self.workloads[workload] = Hold(now, 1, hold)
        _forget(self.workloads, now)

    def may_move(self, workload: str, replicas: int, now: float) -> bool:
        """Return whether Pods of a workload may be evicted: within its hold time `MOVES` for each."""
        known = self.workloads.get(workload)
        return known is None or not known.holds(now) or known.count < MOVES * replicas

    def failed(self, node: str, now: float) -> None:
        """Note that the drain of a node failed."""
        known = self.nodes.get(node)
        again = known is not None and known.soon(now)
        hold = min(2.0 * known.hold, LONGEST_HOLD) if known is not None and again else FIRST_HOLD / 2
        self.nodes[node] = Hold(now, 1 + (known.count if known is not None and again else 0), hold)
        _forget(self.nodes, now)

    def may_drain(self, node: str, now: float) -> bool:
        """Return whether a node may be drained."""
        known = self.nodes.get(node)
        return known is None or not known.holds(now)

    def saved(self, enough: bool) -> None:
        """Note whether a drain saved what was predicted; plans become less frequent if not."""
        self.pace = max(self.pace / 2.0, 1.0) if enough else min(self.pace * 2.0, SLOWEST)


def _forget(holds: dict[str, Hold], now: float) -> None:
    """Drop what has no effect any more, and the oldest entries beyond `MOST`."""
    for name in [name for name, hold in holds.items() if not hold.soon(now)]:
        del holds[name]
    for name in sorted(holds, key=lambda name: holds[name].since)[: max(len(holds) - MOST, 0)]:
        del holds[name]
