"""A cluster source that tests fill by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prometheus_client.registry import Collector

from wao_core.cluster.records import Kind
from wao_core.cluster.source import ObjectRef, Problem, Secret
from wao_core.cluster.state import ClusterState
from wao_core.kube.client import KubeClient


class FakeSource:
    """A source without a cluster; it records the Events that are sent."""

    def __init__(self, state: ClusterState) -> None:
        self.state = state
        self.kinds = frozenset(Kind)
        self.events: list[tuple[ObjectRef, str, str, bool]] = []
        self.client: KubeClient | None = None

    async def start(self) -> None: ...

    async def wait_synced(self, timeout: float) -> bool:
        return True

    async def stop(self) -> None: ...

    async def secret(self, namespace: str, name: str) -> Secret | None:
        return None

    async def event(self, about: ObjectRef, *, reason: str, message: str, warning: bool = False) -> None:
        self.events.append((about, reason, message, warning))

    async def status(self, about: ObjectRef) -> Mapping[str, object]:
        return {}

    async def patch_status(self, about: ObjectRef, status: Mapping[str, object]) -> bool:
        return True

    def unreadable(self, kind: Kind) -> Mapping[str, str]:
        return {}

    def problems(self) -> Sequence[Problem]:
        return []

    def health(self) -> str | None:
        return None

    def collectors(self) -> Sequence[Collector]:
        return ()
