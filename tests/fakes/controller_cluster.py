"""An API server for NodeConfigs, and the controller over it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from functools import partial
from typing import Any

from tests.fakes.statuses import StatusSource
from tests.fakes.templates import node
from wao_core.cluster.records import Kind, NodeConfig
from wao_core.controller.reconcile import NodeConfigController
from wao_core.kube.client import KubeError
from wao_core.source.decoders import decode_object

NAMES = ("a", "b", "c")
EPOCH = 1_795_464_940.0  # 2026-11-23T20:15:40Z


class Cluster(StatusSource):
    """An API server for NodeConfigs as source and client: a write is delivered at once, later, or never."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, str]] = []
        self.refuses: set[str] = set()
        self.echoes = True
        self.late = 0.0  # seconds after which a write comes back
        self.now = 0.0
        self.restart()
        for name in NAMES:
            self.state.put(Kind.NODE, node(name, set="all"))

    async def apply(self, path: str, body: Mapping[str, Any], *, manager: str) -> bytes:
        name = self._request("APPLY", path)
        back = partial(self.state.put, Kind.NODE_CONFIG, decode_object("NodeConfig", body))
        if self.late:
            asyncio.get_running_loop().call_later(self.late * random.uniform(0.5, 1.5), back)
        elif self.echoes:
            back()
        return name.encode()

    async def send(self, method: str, path: str) -> bytes:
        name = self._request(method, path)
        self.state.remove(Kind.NODE_CONFIG, f"w/{name}")
        return b""

    def restart(self) -> None:
        """Begin with a new controller, as after a restart or on another replica."""
        self.controller = NodeConfigController(
            self,  # type: ignore[arg-type]
            self,  # type: ignore[arg-type]
            clock=lambda: self.now,
            wall_clock=lambda: EPOCH + self.now,
        )

    @property
    def statuses(self) -> list[Mapping[str, Any]]:
        return [status for _, status in self.written]

    def _request(self, method: str, path: str) -> str:
        name = path.rpartition("/")[2]
        self.calls.append((method, name))
        if name in self.refuses:
            raise KubeError(f"{method} {path}: 500 scripted", status_code=500)
        return name

    async def reconcile(self) -> list[tuple[str, str]]:
        """Reconcile once; return the writes it took."""
        self.calls.clear()
        self.failed = await self.controller.reconcile()
        return sorted(self.calls)

    def config(self, name: str) -> NodeConfig:
        return self.state.node_configs[f"w/{name}"]
