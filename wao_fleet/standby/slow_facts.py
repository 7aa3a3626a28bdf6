"""What changes rarely and is not watched: PersistentVolumes on nodes, and the extended resources of nodes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from wao_core.errors import SourceError
from wao_core.kube.client import KubeClient
from wao_core.kube.collection import objects_of
from wao_core.kube.resources import NODES
from wao_fleet.drain.constraints import Volume, read_volumes
from wao_fleet.drain.pods import COUNTED

EVERY = 300.0
"""Seconds between two reads."""
TOO_OLD = 1200.0
"""Seconds after which nothing is switched off on the ground of the last read."""
RETRY = 30.0


@dataclass(frozen=True, slots=True)
class SlowFacts:
    """The PersistentVolumes, and names of extended resources by node."""

    volumes: tuple[Volume, ...] = ()
    extended: dict[str, frozenset[str]] | None = None


class SlowFactsBook:
    """Reads the facts every five minutes; a failed read keeps the last ones."""

    def __init__(self, client: KubeClient, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._clock = client, clock
        self._read_at: float | None = None
        self._due = 0.0
        self._problem = "PersistentVolumes are not read yet"
        self.facts = SlowFacts()

    async def refresh(self) -> None:
        """Read the facts if they are due."""
        now = self._clock()
        if now < self._due:
            return
        try:
            volumes = await read_volumes(self._client)
            nodes = objects_of(await self._client.get(NODES.path(), query=[("resourceVersion", "0")]), NODES.path())
        except SourceError as error:
            self._problem, self._due = f"PersistentVolumes or Nodes cannot be listed: {error}", now + RETRY
            return
        self.facts = SlowFacts(tuple(volumes), {_name(node): _extended(node) for node in nodes})
        self._read_at, self._due, self._problem = now, now + EVERY, ""

    def doubt(self) -> str:
        """Return why nothing may be switched off, or an empty string."""
        fresh = self._read_at is not None and self._clock() - self._read_at < TOO_OLD
        return "" if fresh else self._problem


def _name(node: dict[str, object]) -> str:
    metadata = node.get("metadata")
    return str(metadata.get("name", "")) if isinstance(metadata, dict) else ""


def _extended(node: dict[str, object]) -> frozenset[str]:
    """Return the names of the resources that a node has and not every node has.

    Every node lists huge pages, most with the amount 0. Devices of a node that was shut down may be 0 until it is up.
    """
    status = node.get("status")
    allocatable = status.get("allocatable") if isinstance(status, dict) else None
    amounts = allocatable if isinstance(allocatable, dict) else {}
    none = {name for name, amount in amounts.items() if name.startswith("hugepages-") and amount == "0"}
    return frozenset(amounts) - none - COUNTED - {"pods"}
