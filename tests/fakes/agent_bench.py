"""The node agent's syncer between a state and a simulated kernel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from tests import waiting
from tests.wao_lb.agent.services import both, part, service
from tests.wao_lb.agent.simulated import SimulatedKernel
from wao_core.cluster.records import Kind, Service
from wao_core.cluster.state import ClusterState
from wao_lb.agent.model import Weights
from wao_lb.agent.sync import Syncer, SyncIntervals
from wao_lb.agent.view import KINDS, NodeSettings, NodeView
from wao_lb.settings import PROXY_LABEL

OURS = {PROXY_LABEL: "wao-loadbalancer"}
QUICK = SyncIntervals(sync=0.02, weights=0.02, verify=0.05, full=60.0)
WEB = ("default/web", 80, "TCP")
until = partial(waiting.until, seconds=10.0)


@dataclass
class Bench:
    """A state, a kernel and the syncer between them."""

    state: ClusterState = field(default_factory=ClusterState)
    kernel: SimulatedKernel = field(default_factory=SimulatedKernel)
    weights: Weights = field(default_factory=dict)
    intervals: SyncIntervals = QUICK
    wrong: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        settings = NodeSettings(node_name="node-1", proxy_name="wao-loadbalancer", cluster_cidrs=("10.1.0.0/16",))
        self.view = NodeView(self.state, settings)
        self.syncer = Syncer(self.view, self.kernel, lambda: self.weights, intervals=self.intervals, after=self.after)
        self.view.notify(self.syncer.note_change)

    async def after(self, services: Mapping[str, Service], wrong: Mapping[str, str]) -> None:
        self.wrong = dict(wrong)

    def serve(self, *numbers: int, **more: object) -> None:
        fields: dict[str, object] = {"labels": OURS} | more
        self.state.put(Kind.SERVICE, service(**fields))
        for item in both(*numbers) if numbers else [part(), part(name="web-6", address_type="IPv6")]:
            self.state.put(Kind.ENDPOINT_SLICE, item)

    def confirm(self) -> None:
        for kind in KINDS:
            self.state.confirm(kind)

    def weigh(self, *weights: float) -> None:
        self.weights = {WEB: {(f"10.1.0.{number}", 8080): weight for number, weight in enumerate(weights, 1)}}
        self.syncer.note_weights()

    @property
    def split(self) -> dict[str, str]:
        """The content of the one weight map of IPv4."""
        maps = self.kernel.tables["ip"].maps
        (found,) = (content for name, content in maps.items() if name.startswith("split-"))
        return found


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[Bench]:
    task = asyncio.create_task(bench.syncer.run())
    try:
        yield bench
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def serving(*numbers: int, intervals: SyncIntervals = QUICK, **more: object) -> AsyncIterator[Bench]:
    """Yield a bench whose Service with these endpoints is in the kernel."""
    bench = Bench(intervals=intervals)
    bench.serve(*numbers, **more)
    bench.confirm()
    async with running(bench):
        await until(lambda: bench.syncer.synced)
        yield bench
