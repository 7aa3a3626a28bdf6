"""Statistics of the collections that a server follows, for health checks, problem lists and Prometheus."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from wao_core.cluster.source import Problem

log = logging.getLogger(__name__)


@dataclass
class CollectionStatistics:
    """The state of one collection that is followed by list and watch, or by repeated lists."""

    name: str
    lists: int = 0
    events: int = 0
    errors: int = 0
    decode_errors: int = 0
    last_error: str = ""
    failing_since: float | None = None  # seconds since the epoch
    confirmed: float | None = None  # monotonic time at which the collection was last known to be current
    unreadable: dict[str, str] = field(default_factory=dict)  # why, by key, of objects that cannot be decoded now
    _unreadable_since: float = 0.0

    @property
    def age(self) -> float | None:
        """Seconds since the collection was last known to be current, None before the first time."""
        return None if self.confirmed is None else time.monotonic() - self.confirmed

    def confirm(self) -> None:
        """Note that the collection is current now."""
        self.failing_since = None
        self.confirmed = time.monotonic()

    def fault(self, reason: str) -> None:
        """Count a failed request or unusable answer; it is logged unless it repeats the last one."""
        self.errors += 1
        if self.last_error != reason or self.failing_since is None:
            log.warning("%s: %s", self.name, reason)
        self.last_error = reason
        self.failing_since = self.failing_since or time.time()

    def skipped(self, key: str, reason: str) -> None:
        """Count an object that could not be decoded; it is logged once per object and reason."""
        self.decode_errors += 1
        if not self.unreadable:
            self._unreadable_since = time.time()
        if self.unreadable.get(key) != reason:
            log.warning("%s: %s is skipped, its last readable state is kept: %s", self.name, key, reason)
        self.unreadable[key] = reason

    def readable(self, key: str) -> None:
        """Note that an object was decoded or deleted."""
        self.unreadable.pop(key, None)

    def listed(self, unreadable: Mapping[str, str]) -> None:
        """Count a complete list, in which these objects could not be decoded."""
        self.lists += 1
        for key in self.unreadable.keys() - unreadable.keys():
            del self.unreadable[key]
        for key, reason in unreadable.items():
            self.skipped(key, reason)

    def problems(self) -> list[Problem]:
        """Return the current problems."""
        found = []
        if self.failing_since is not None:
            found.append(Problem(self.name, self.last_error, self.failing_since))
        if self.unreadable:
            key, reason = next(iter(self.unreadable.items()))
            others = f" (and {len(self.unreadable) - 1} more)" if len(self.unreadable) > 1 else ""
            found.append(Problem(self.name, f"{key} cannot be read: {reason}{others}", self._unreadable_since))
        return found


class CollectionMetrics(Collector):
    """Prometheus metrics of collections; register it with the registry of a server.

    Parameters
    ----------
    read
        Returns the statistics of all collections.
    """

    def __init__(self, read: Callable[[], Iterable[CollectionStatistics]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        """Return the metric families."""
        label = ["resource"]
        families: list[
            tuple[CounterMetricFamily | GaugeMetricFamily, Callable[[CollectionStatistics], float | None]]
        ] = [
            (
                CounterMetricFamily("wao_watch_lists", "Complete lists that were received.", labels=label),
                lambda item: item.lists,
            ),
            (
                CounterMetricFamily("wao_watch_events", "Watch events that were received.", labels=label),
                lambda item: item.events,
            ),
            (
                CounterMetricFamily("wao_watch_errors", "Failed requests and unusable answers.", labels=label),
                lambda item: item.errors,
            ),
            (
                CounterMetricFamily(
                    "wao_watch_decode_errors",
                    "Objects that were skipped because they could not be decoded.",
                    labels=label,
                ),
                lambda item: item.decode_errors,
            ),
            (
                GaugeMetricFamily(
                    "wao_watch_unreadable_objects", "Objects that currently cannot be decoded.", labels=label
                ),
                lambda item: len(item.unreadable),
            ),
            (
                GaugeMetricFamily(
                    "wao_watch_age_seconds", "Time since the state was last known to be current.", labels=label
                ),
                lambda item: item.age,
            ),
        ]
        for family, value_of in families:
            for item in self._read():
                if (value := value_of(item)) is not None:
                    family.add_metric([item.name], value)
            yield family
