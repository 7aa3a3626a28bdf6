"""An API server for statuses and Events of custom resources, as a part of a `Source`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wao_core.cluster.records import Kind
from wao_core.cluster.source import ObjectRef
from wao_core.cluster.state import ClusterState


class StatusSource:
    """Keeps statuses by uid, or by name for objects without one; requests fail while a flag is set."""

    def __init__(self, state: ClusterState | None = None) -> None:
        self.state = ClusterState() if state is None else state
        self.present: dict[str, Mapping[str, Any]] = {}
        self.written: list[tuple[ObjectRef, Mapping[str, Any]]] = []
        self.events: list[tuple[str, str]] = []
        self.refused: dict[str, str] = {}
        self.patches = 0
        self.reads_fail = self.writes_fail = False

    def unreadable(self, kind: Kind) -> Mapping[str, str]:
        """Return why objects cannot be decoded."""
        return self.refused if kind is Kind.NODE_CONFIG else {}

    async def status(self, about: ObjectRef) -> Mapping[str, Any] | None:
        """Return the present status."""
        return None if self.reads_fail else self.present.get(_identity(about), {})

    async def patch_status(self, about: ObjectRef, status: Mapping[str, Any]) -> bool:
        """Keep the status."""
        self.patches += 1
        if self.writes_fail:
            return False
        self.written.append((about, status))
        self.present[_identity(about)] = {**self.present.get(_identity(about), {}), **status}
        return True

    async def event(self, about: ObjectRef, *, reason: str, message: str, warning: bool = False) -> None:
        """Keep the Event."""
        self.events.append((reason, message))


def _identity(about: ObjectRef) -> str:
    return about.uid or f"{about.kind} {about.namespace}/{about.name}"
