"""What a source is: it fills a `ClusterState` and keeps it true, reads Secrets, and takes Events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from wao_core.cluster.records import Kind
from wao_core.cluster.state import ClusterState


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a person should look at: what, where, why, and since when (seconds since the epoch)."""

    where: str
    reason: str
    since: float


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """The object an Event is about."""

    kind: str
    name: str
    namespace: str = ""
    uid: str = ""
    api_version: str = "v1"


class Source(Protocol):
    """One cluster, from a folder or from an API server. Use it from one event loop."""

    @property
    def state(self) -> ClusterState:
        """The tables that this source keeps."""
        ...

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds it was asked to keep."""
        ...

    async def start(self) -> None:
        """Begin to read and to follow changes; returns at once."""
        ...

    async def wait_synced(self, timeout: float) -> bool:
        """Wait until every kind was read once; False when `timeout` seconds were not enough."""
        ...

    async def stop(self) -> None:
        """End all background work."""
        ...

    async def secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """Return the data of one Secret, or None when there is none. Never logged, never kept in the state."""
        ...

    async def event(self, about: ObjectRef, *, reason: str, message: str, warning: bool = False) -> None:
        """Record an Event; failures are logged, never raised."""
        ...

    async def status(self, about: ObjectRef) -> Mapping[str, object] | None:
        """Return the current status of a custom resource, empty when it has none; None, logged, if the read fails."""
        ...

    async def patch_status(self, about: ObjectRef, status: Mapping[str, object]) -> bool:
        """Write the status of a custom resource; return False, logged, when that is to be retried."""
        ...

    def problems(self) -> Sequence[Problem]:
        """Return what is wrong now: refused manifests, unreadable files, refused requests."""
        ...
