"""The interface of a source, which keeps a `ClusterState` current, reads Secrets and records Events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from prometheus_client.registry import Collector

from wao_core.cluster.records import Kind
from wao_core.cluster.state import ClusterState


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that needs attention: where, why, and since when (seconds since the epoch)."""

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


@dataclass(frozen=True, slots=True)
class Secret:
    """The data and the annotations of a Secret; its text does not show the data."""

    data: Mapping[str, bytes] = field(repr=False)
    annotations: Mapping[str, str] = field(default_factory=dict)


class Source(Protocol):
    """One cluster, from a folder or from an API server. Use it from one event loop."""

    @property
    def state(self) -> ClusterState:
        """The tables that this source keeps."""
        ...

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds that were requested."""
        ...

    async def start(self) -> None:
        """Begin to read and to follow changes; return at once."""
        ...

    async def wait_synced(self, timeout: float) -> bool:
        """Wait until every kind has been read once; return False after `timeout` seconds."""
        ...

    async def stop(self) -> None:
        """End all background work."""
        ...

    def health(self) -> str | None:
        """Return which background tasks are not running and why, or None: a liveness check."""
        ...

    def collectors(self) -> Sequence[Collector]:
        """Return the Prometheus collectors of this source, for the registry of a server."""
        ...

    async def secret(self, namespace: str, name: str) -> Secret | None:
        """Return one Secret, or None when it does not exist. It is never logged or stored."""
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

    def unreadable(self, kind: Kind) -> Mapping[str, str]:
        """Return by key why objects of an API server cannot be decoded now; the last readable state of each is kept."""
        ...

    def problems(self) -> Sequence[Problem]:
        """Return the current problems: refused manifests, unreadable files and objects, failed requests."""
        ...
