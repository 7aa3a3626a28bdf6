"""The samples that the collector keeps: the last one of each node and metric, with its age and its problem.

A missing value stays missing, and an old value is not served as if it were new (`Sample.fresh`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum


class SampleState(StrEnum):
    """The result of the last reading."""

    OK = "ok"
    WAITING = "waiting"  # not read yet
    FAILED = "failed"  # the last attempt failed; the value, if any, is older


@dataclass(frozen=True, slots=True)
class Sample:
    """The last value of one metric of one node.

    Parameters
    ----------
    value
        In the metric's unit: degC, Pa, W or % of capacity. NaN if there never was one.
    time
        Time of the measurement [s since the epoch]; 0 if there never was one.
    window
        Duration that the value is an average over [s]; 0 for an instantaneous value, None if unknown.
    ttl
        Time after `time` for which it can be used [s].
    state, reason
        The result of the last attempt, and for FAILED or WAITING the reason.
    source
        The type of the sensor, such as "Redfish".
    """

    value: float
    time: float
    window: float | None = 0.0
    ttl: float = 60.0
    state: SampleState = SampleState.OK
    reason: str = ""
    source: str = ""

    @property
    def measured(self) -> bool:
        """Whether there is a value at all."""
        return math.isfinite(self.value)

    def fresh(self, now: float | None = None) -> bool:
        """Return whether there is a value that is not older than its ttl."""
        return self.measured and (time.time() if now is None else now) - self.time <= self.ttl


class SampleStore:
    """The last sample of every node and metric, and a version of each metric that grows with every change."""

    def __init__(self) -> None:
        self._metrics: dict[str, dict[str, Sample]] = {}
        self._versions: dict[str, int] = {}
        self._sorted: dict[str, list[str]] = {}

    def get(self, node: str, metric: str) -> Sample | None:
        """Return the last sample, fresh or not, or None when that node has no such metric."""
        samples = self._metrics.get(metric)
        return None if samples is None else samples.get(node)

    def by_node(self, metric: str) -> Mapping[str, Sample]:
        """Return all samples of one metric by node name (live, read only by convention)."""
        return self._metrics.get(metric, {})

    def nodes(self, metric: str) -> list[str]:
        """Return the nodes that have a metric, sorted (read only by convention)."""
        names = self._sorted.get(metric)
        if names is None:
            names = self._sorted[metric] = sorted(self.by_node(metric))
        return names

    def version(self, metric: str) -> int:
        """Return a number that changes whenever any sample of that metric changes."""
        return self._versions.get(metric, 0)

    @property
    def version_of_all(self) -> int:
        """A number that changes whenever any sample changes."""
        return sum(self._versions.values())

    def metrics(self) -> Iterator[str]:
        """Return the names of the metrics that some node has."""
        return (metric for metric, samples in self._metrics.items() if samples)

    def put(self, node: str, metric: str, sample: Sample) -> None:
        """Store a sample in place of the one before."""
        samples = self._metrics.setdefault(metric, {})
        if node not in samples:
            self._sorted.pop(metric, None)
        samples[node] = sample
        self._versions[metric] = self._versions.get(metric, 0) + 1

    def fail(self, node: str, metric: str, reason: str, *, ttl: float) -> None:
        """Record that an attempt failed: the previous value stays, with its time, and ages."""
        old = self.get(node, metric)
        if old is None:
            self.put(node, metric, Sample(math.nan, 0.0, None, ttl, SampleState.FAILED, reason))
        else:
            self.put(node, metric, replace(old, ttl=ttl, state=SampleState.FAILED, reason=reason))

    def remove(self, node: str, metric: str) -> None:
        """Forget a metric of a node."""
        if self._metrics.get(metric, {}).pop(node, None) is not None:
            self._versions[metric] += 1
            self._sorted.pop(metric, None)
