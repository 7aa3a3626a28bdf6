"""What the rebalancer did, for `wao explain` and the API: the last evictions and drains, bounded in number."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from enum import StrEnum

MOST_EVICTIONS = 2000
MOST_DRAINS = 100


@dataclass(frozen=True, slots=True)
class EvictionRecord:
    """Why a Pod was evicted.

    Attributes
    ----------
    at
        Time of the eviction [s since the epoch].
    pod, uid
        The Pod as namespace/name, and its uid.
    node, target
        Its node, and the node on which its replacement was predicted.
    saved, drain_saved
        Power that the move and the drain of the node were predicted to save [W].
    result
        "evicted", "gone" or "refused".
    reason
        The sentence that people read.
    """

    at: float
    pod: str
    uid: str
    node: str
    target: str
    saved: float
    drain_saved: float
    result: str
    reason: str


class DrainResult(StrEnum):
    """How a drain ended."""

    COMPLETED = "completed"
    SKIPPED = "skipped"
    FAILED = "failed"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class SavingRecord:
    """Predicted and measured saving of the drains of one plan [W], on `nodes` nodes with power meters."""

    at: float
    predicted: float
    measured: float
    nodes: int


@dataclass(slots=True)
class DrainRecord:
    """One drain.

    Attributes
    ----------
    at
        When it began [s since the epoch].
    node, result, reason
        The node, how the drain ended, and why it did not complete.
    evicted
        Number of Pods that left.
    predicted
        Predicted saving [W].
    """

    at: float
    node: str
    predicted: float
    result: DrainResult = DrainResult.RUNNING
    reason: str = ""
    evicted: int = 0


class History:
    """The last evictions by Pod, and the last drains and savings, newest first."""

    def __init__(self) -> None:
        self._evictions: OrderedDict[str, EvictionRecord] = OrderedDict()
        self.drains: deque[DrainRecord] = deque(maxlen=MOST_DRAINS)
        self.savings: deque[SavingRecord] = deque(maxlen=MOST_DRAINS)

    def add(self, record: EvictionRecord) -> None:
        """Keep a record instead of an earlier one for the same Pod."""
        self._evictions.pop(record.pod, None)
        self._evictions[record.pod] = record
        while len(self._evictions) > MOST_EVICTIONS:
            self._evictions.popitem(last=False)

    def of(self, pod: str) -> EvictionRecord | None:
        """Return the last eviction of a Pod "namespace/name", or None."""
        return self._evictions.get(pod)

    def latest(self, count: int) -> list[EvictionRecord]:
        """Return the last evictions, newest first."""
        return list(reversed(list(self._evictions.values())[-count:])) if count > 0 else []
