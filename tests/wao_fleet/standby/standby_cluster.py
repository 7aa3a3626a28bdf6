"""The controller over the small cluster of `tests.fakes.standby_bed`."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from tests.fakes.standby_bed import Bed
from tests.waiting import until
from wao_core.aio import BackgroundTasks, cancel
from wao_fleet.standby.controller import Parts, Plan, Policy, StandbyController
from wao_fleet.standby.kill_switch import KillSwitch
from wao_fleet.standby.progress import Progress
from wao_fleet.standby.requests import REQUEST
from wao_fleet.standby.slow_facts import SlowFactsBook
from wao_predict.standby import StandbySettings

EAGER = StandbySettings(
    spare_percent=0, spare_cores=0, hysteresis_percent=0, empty_seconds=60, on_seconds=0, nodes_per_group=0
)


class Cluster:
    """The controller of a bed."""

    def __init__(self, bed: Bed, policy: Policy) -> None:
        self.bed = bed
        self.restart(policy)

    def restart(self, policy: Policy) -> None:
        """Begin with a controller that knows nothing."""
        bed = self.bed
        bed.restart()
        self.parts = Parts(
            bed.source.state,
            bed.book,
            bed.sequences,
            bed.switches,
            SlowFactsBook(bed.client, clock=lambda: bed.now),
            KillSwitch(bed.client, "wao-system"),
        )
        self.controller = StandbyController(self.parts, policy, wall_clock=lambda: bed.now)
        bed.observe()

    async def rounds(self, count: int = 1, seconds: float = 15.0) -> None:
        for _ in range(count):
            self.bed.now += seconds
            self.bed.observe()
            async with BackgroundTasks() as tasks:
                await self.controller.round(tasks)
                await tasks.wait()

    async def switch_off(self) -> None:
        """Let the idle node be drained and shut down, until it has no heartbeat and sleeps."""
        await self.rounds(8)
        self.bed.heartbeat(1, ready=False)
        await self.rounds(2)

    async def lead_again(self) -> Plan:
        """Lose the lead, lead again for one round, and return its plan."""
        self.bed.observe()
        rounds = self.controller.rounds
        leading = asyncio.create_task(self.controller.run())
        await until(lambda: self.controller.rounds > rounds)
        plan = self.controller.plan
        await cancel(leading)
        assert plan is not None
        return plan

    async def tested(self) -> None:
        """Let the node have a tested start, and be on for long."""
        self.bed.observe()
        await self.bed.book.load(self.bed.config)
        await self.bed.book.write(self.bed.config, Progress(wake_tested=True, since=1.0), None)

    def ask(self, text: str) -> None:
        self.bed.config = msgspec.structs.replace(self.bed.config, annotations={REQUEST: text})

    @property
    def phase(self) -> str:
        progress = self.bed.book.get(self.bed.config)
        return "" if progress is None else progress.phase.value

    @property
    def plan(self) -> Any:
        return self.controller.plan
