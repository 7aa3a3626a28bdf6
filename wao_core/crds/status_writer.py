"""Writes the status of custom resources: the one owner of reading before writing, transition times and retries.

The status in the cluster is read before each write, because another replica, or this one before a restart, may have
written the same already. Statuses are remembered by uid, so an object that is deleted and created again gets a status
of its own. A failed read or write is retried after a back-off for each object.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from wao_core.cluster.names import API_VERSION
from wao_core.cluster.records import NamespacedRecord
from wao_core.cluster.source import ObjectRef, Source
from wao_core.conditions import Condition, conditions_of, with_transitions
from wao_predict.backoff import Backoff


@dataclass(frozen=True, slots=True)
class Status:
    """The status of one object: its conditions, and the other fields as JSON values."""

    conditions: tuple[Condition, ...] = ()
    fields: Mapping[str, object] = field(default_factory=dict)

    def to_wire(self) -> dict[str, object]:
        """Return the status as JSON value."""
        return {**self.fields, "conditions": [condition.to_wire() for condition in self.conditions]}

    @classmethod
    def from_wire(cls, wire: Mapping[str, object]) -> Status:
        """Return the status of a JSON value."""
        return cls(conditions_of(wire), {name: value for name, value in wire.items() if name != "conditions"})


class WriteResult(Enum):
    """The result of one write."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    WAITING = "waiting"  # for the retry after a failure


@dataclass(frozen=True, slots=True)
class WrittenStatus:
    """The status that is in the cluster, and when it was written or read [s since the epoch]."""

    status: Status
    at: float


@dataclass(slots=True)
class _Retry:
    backoff: Backoff
    due: float = 0.0


class StatusWriter:
    """Writes statuses of custom resources of one kind.

    Parameters
    ----------
    kind
        NodeConfig or NodeConfigTemplate.
    differs
        Returns whether the status in the cluster (first) must be replaced by the new one (second).
    clock
        Seconds, for the back-off.
    backoff
        Makes the back-off of one object.
    """

    def __init__(
        self,
        source: Source,
        kind: str,
        differs: Callable[[Status, Status], bool],
        *,
        clock: Callable[[], float] = time.monotonic,
        backoff: Callable[[], Backoff] = lambda: Backoff(initial=1.0, maximum=60.0),
    ) -> None:
        self._source, self._kind, self._differs = source, kind, differs
        self._clock, self._backoff = clock, backoff
        self._written: dict[str, WrittenStatus] = {}
        self._retries: dict[str, _Retry] = {}

    def written(self, record: NamespacedRecord) -> WrittenStatus | None:
        """Return the last known status of this very object, or None before the first write."""
        return self._written.get(identity_of(record))

    def is_due(self, record: NamespacedRecord) -> bool:
        """Return whether the object may be written now; False during the back-off after a failure."""
        retry = self._retries.get(identity_of(record))
        return retry is None or self._clock() >= retry.due

    def retry_in(self) -> float | None:
        """Return the seconds until the next retry, or None when no write has failed."""
        return min((max(0.0, retry.due - self._clock()) for retry in self._retries.values()), default=None)

    def keep(self, records: Collection[NamespacedRecord]) -> list[NamespacedRecord]:
        """Forget all objects but these, and return those of them that were never written."""
        present = {identity_of(record): record for record in records}
        for held in (self._written, self._retries):
            if not held.keys() <= present.keys():
                for identity in held.keys() - present.keys():
                    del held[identity]
        if len(self._written) == len(present):
            return []
        return [record for identity, record in present.items() if identity not in self._written]

    def forget(self) -> None:
        """Forget all objects: another replica may have written them since."""
        self._written.clear()
        self._retries.clear()

    async def write(
        self, record: NamespacedRecord, status: Status, now: float, *, refresh: bool = False
    ) -> WriteResult:
        """Write the status unless the cluster has it already.

        Parameters
        ----------
        now
            Seconds since the epoch: the transition time of conditions whose status changes.
        refresh
            Write even if the cluster has the same status, and do not read a status that was written before.
        """
        if not self.is_due(record):
            return WriteResult.WAITING
        present = await self._before(record, refresh)
        if present is None:
            return self._failed(record)
        own = {condition.type for condition in status.conditions}
        before = replace(present, conditions=tuple(held for held in present.conditions if held.type in own))
        dated = Status(with_transitions(status.conditions, before.conditions, now), status.fields)
        writes = refresh or self._differs(before, status)
        if writes and not await self._source.patch_status(reference(self._kind, record), dated.to_wire()):
            return self._failed(record)
        self._written[identity_of(record)] = WrittenStatus(dated, now)
        self._retries.pop(identity_of(record), None)
        return WriteResult.WRITTEN if writes else WriteResult.UNCHANGED

    async def _before(self, record: NamespacedRecord, refresh: bool) -> Status | None:
        """Return the status in the cluster, or None when it cannot be read."""
        held = self.written(record)
        if refresh and held is not None:
            return held.status
        present = await self._source.status(reference(self._kind, record))
        return None if present is None else Status.from_wire(present)

    def _failed(self, record: NamespacedRecord) -> WriteResult:
        identity = identity_of(record)
        self._written.pop(identity, None)  # a request that timed out may have been executed
        retry = self._retries.setdefault(identity, _Retry(self._backoff()))
        retry.due = self._clock() + retry.backoff.next()
        return WriteResult.FAILED


def reference(kind: str, record: NamespacedRecord) -> ObjectRef:
    """Return the reference to a custom resource of ours."""
    return ObjectRef(kind, record.name, record.namespace, record.uid, API_VERSION)


def identity_of(record: NamespacedRecord) -> str:
    """Return the uid, or namespace/name for an object of a manifest file, which has no uid."""
    return record.uid or f"{record.namespace}/{record.name}"
