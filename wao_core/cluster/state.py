"""The last known state of the cluster: one table of records per kind, and the listeners to changes.

A source writes it, everything else reads it. It belongs to one event loop and takes no lock.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from wao_core.cluster.records import (
    EndpointSlice,
    Kind,
    Node,
    NodeConfig,
    NodeConfigTemplate,
    NodeMetrics,
    Pod,
    PodMetrics,
    Record,
    Service,
    Workload,
    key_of,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """One object added (old is None), modified, or deleted (new is None)."""

    kind: Kind
    key: str
    old: Record | None
    new: Record | None


Listener = Callable[[Change], None]


class ClusterState:
    """Tables of records by kind, keyed as `records.key_of` says."""

    def __init__(self) -> None:
        self._tables: dict[Kind, dict[str, Record]] = {kind: {} for kind in Kind}
        self._listeners: dict[Kind, list[Listener]] = {kind: [] for kind in Kind}
        self._confirmed: dict[Kind, float] = {}
        self.version = 0  # grows with every change

    def table(self, kind: Kind) -> Mapping[str, Record]:
        """Return the live table of one kind; do not change it."""
        return self._tables[kind]

    @property
    def nodes(self) -> Mapping[str, Node]:
        """Nodes by name."""
        return cast(Mapping[str, Node], self._tables[Kind.NODE])

    @property
    def pods(self) -> Mapping[str, Pod]:
        """Pods by namespace/name."""
        return cast(Mapping[str, Pod], self._tables[Kind.POD])

    @property
    def workloads(self) -> Mapping[str, Workload]:
        """Workloads by Kind/namespace/name."""
        return cast(Mapping[str, Workload], self._tables[Kind.WORKLOAD])

    @property
    def node_configs(self) -> Mapping[str, NodeConfig]:
        """NodeConfigs by namespace/name."""
        return cast(Mapping[str, NodeConfig], self._tables[Kind.NODE_CONFIG])

    @property
    def node_config_templates(self) -> Mapping[str, NodeConfigTemplate]:
        """NodeConfigTemplates by namespace/name."""
        return cast(Mapping[str, NodeConfigTemplate], self._tables[Kind.NODE_CONFIG_TEMPLATE])

    @property
    def services(self) -> Mapping[str, Service]:
        """Services by namespace/name."""
        return cast(Mapping[str, Service], self._tables[Kind.SERVICE])

    @property
    def endpoint_slices(self) -> Mapping[str, EndpointSlice]:
        """EndpointSlices by namespace/name."""
        return cast(Mapping[str, EndpointSlice], self._tables[Kind.ENDPOINT_SLICE])

    @property
    def node_metrics(self) -> Mapping[str, NodeMetrics]:
        """CPU use of nodes by node name."""
        return cast(Mapping[str, NodeMetrics], self._tables[Kind.NODE_METRICS])

    @property
    def pod_metrics(self) -> Mapping[str, PodMetrics]:
        """CPU use of pods by namespace/name."""
        return cast(Mapping[str, PodMetrics], self._tables[Kind.POD_METRICS])

    def subscribe(self, kinds: Iterable[Kind], listener: Listener) -> Callable[[], None]:
        """Call `listener` after every change of these kinds; return its cancellation. It must not block."""
        chosen = tuple(kinds)
        for kind in chosen:
            self._listeners[kind].append(listener)

        def unsubscribe() -> None:
            for kind in chosen:
                if listener in self._listeners[kind]:
                    self._listeners[kind].remove(listener)

        return unsubscribe

    def put(self, kind: Kind, record: Record) -> None:
        """Add or replace one record; an equal one is not a change."""
        key = key_of(record)
        old = self._tables[kind].get(key)
        if old != record:
            self._tables[kind][key] = record
            self._notify(Change(kind, key, old, record))

    def remove(self, kind: Kind, key: str) -> None:
        """Remove one record; an unknown key is not a change."""
        old = self._tables[kind].pop(key, None)
        if old is not None:
            self._notify(Change(kind, key, old, None))

    def replace(self, kind: Kind, records: Iterable[Record], *, keep: Container[str] = ()) -> None:
        """Make the table equal to `records` and report only the differences; keys in `keep` are not removed."""
        fresh = {key_of(record): record for record in records}
        for key in [key for key in self._tables[kind] if key not in fresh and key not in keep]:
            self.remove(kind, key)
        for record in fresh.values():
            self.put(kind, record)
        self.confirm(kind)

    def confirm(self, kind: Kind) -> None:
        """Note that the table of this kind is current now."""
        self._confirmed[kind] = time.monotonic()

    def synced(self, kinds: Iterable[Kind]) -> bool:
        """Return whether each of these kinds has been read completely at least once."""
        return all(kind in self._confirmed for kind in kinds)

    def age(self, kind: Kind) -> float | None:
        """Return the seconds since this kind was last known to be current, or None before the first time."""
        confirmed = self._confirmed.get(kind)
        return None if confirmed is None else time.monotonic() - confirmed

    def _notify(self, change: Change) -> None:
        self.version += 1
        for listener in tuple(self._listeners[change.kind]):
            try:
                listener(change)
            except Exception:  # a listener must not stop the source or the other listeners
                log.exception("a listener failed on a change of %s %s", change.kind, change.key)
