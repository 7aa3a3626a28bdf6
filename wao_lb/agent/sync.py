"""Keeps the kernel at what the cluster and the weights say: level-triggered, at a bounded rate, whole on any doubt."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from wao_core.cluster.records import Service
from wao_core.kube.reflector import Backoff
from wao_lb.agent.family import FAMILIES, Family
from wao_lb.agent.linux.conntrack import changed_flows
from wao_lb.agent.linux.kernel import Kernel
from wao_lb.agent.linux.nft import NftError
from wao_lb.agent.metrics import AgentMetrics
from wao_lb.agent.model import NO_RULES, Rules, Weights
from wao_lb.agent.table import Plan, Table, merge
from wao_lb.agent.view import NodeView

log = logging.getLogger(__name__)

ANEW_AFTER = 3
"""Failures in a row after which the table is made anew: it may not be changeable in place, as after an upgrade."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the kernel is written. Times are in seconds.

    Attributes
    ----------
    least
        Between two syncs; changes that come meanwhile are taken together.
    weights
        Between two writes of weights.
    tolerance
        Part by which a share must differ before it is written.
    verify
        Between two looks whether others changed our tables.
    full
        Between two whole syncs, which are made in any case: others may have changed what `verify` does not look at.
    patience
        Age of a change that is not in the kernel at which we are not healthy any more; kube-proxy's 2 x syncPeriod.
    """

    least: float = 1.0
    weights: float = 5.0
    tolerance: float = 0.02
    verify: float = 10.0
    full: float = 900.0
    patience: float = 60.0


@dataclass(slots=True)
class Marks:
    """When things happened last [monotonic]; `pending` is the oldest change that is not in the kernel."""

    sync: float = float("-inf")
    full: float = float("-inf")
    weights: float = float("-inf")
    verify: float = float("-inf")
    retry: float = float("-inf")
    pending: float | None = None


AfterSync = Callable[[Mapping[str, Service], Mapping[str, str]], Awaitable[None]]
"""Told after every sync: the Services that are served, and what is wrong with which."""


class Syncer:
    """The one writer of our tables.

    Parameters
    ----------
    weights
        Returns the weights known now; empty means equal ones.
    after
        Called after every sync.
    """

    def __init__(
        self,
        view: NodeView,
        kernel: Kernel,
        weights: Callable[[], Weights],
        *,
        families: Iterable[Family] = FAMILIES,
        pace: Pace | None = None,
        metrics: AgentMetrics | None = None,
        after: AfterSync | None = None,
    ) -> None:
        self.view, self.kernel, self.pace = view, kernel, pace or Pace()
        self.metrics = metrics or AgentMetrics()
        self.marks = Marks()
        self.tables = {family: Table(view.setup(family)) for family in families}
        self._weights, self._after = weights, after
        self._backoff = Backoff(first=1.0, most=30.0)
        self._wake = asyncio.Event()
        self._full, self._changed, self._reweigh = True, False, False
        self._generation = -1
        self.failure = ""

    def note_change(self) -> None:
        """Say that Services, endpoints or the node changed."""
        self._changed = True
        self.marks.pending = self.marks.pending or time.monotonic()
        self.metrics.queued.set_to_current_time()
        self._wake.set()

    def note_weights(self) -> None:
        """Say that weights changed."""
        self._reweigh = True
        self._wake.set()

    @property
    def synced(self) -> bool:
        """Whether the kernel holds what was wanted once."""
        return self.marks.sync > float("-inf")

    def health(self) -> str | None:
        """Return None while changes reach the kernel in time, else what is wrong."""
        if self.marks.pending is None:
            return None
        age = time.monotonic() - self.marks.pending
        return f"a change waits for {age:.0f} s: {self.failure or 'no sync'}" if age > self.pace.patience else None

    async def run(self) -> None:
        """Sync for ever."""
        while True:
            try:
                async with asyncio.timeout(max(0.0, self._deadline() - time.monotonic())):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            if self.view.synced:
                await self._step(time.monotonic())

    def _deadline(self) -> float:
        """Return when there is something to do, if nothing happens before."""
        marks, pace = self.marks, self.pace
        if not self.view.synced:
            return time.monotonic() + 0.05
        times = [marks.verify + pace.verify, marks.full + pace.full]
        if self._full or self._changed:
            times.append(marks.sync + pace.least)
        if self._reweigh:
            times.append(marks.weights + pace.weights)
        times += [at for table in self.tables.values() for at in table.retired.values()]
        return max(min(times), marks.retry)

    async def _step(self, now: float) -> None:
        """Do what is due; a refusal is logged, and everything is written anew after a while."""
        marks, pace = self.marks, self.pace
        if now < marks.retry:
            return
        try:
            if now >= marks.verify + pace.verify:
                marks.verify = now
                await self._verify()
            full = self._full or now >= marks.full + pace.full
            if (full or self._changed) and now >= marks.sync + pace.least:
                await self.sync(full=full)
            elif self._reweigh and now >= marks.weights + pace.weights:
                await self.reweigh()
            await self.sweep()
        except NftError as error:
            self._failed(error)
        except Exception as error:  # the agent must go on: the kernel still serves what it has
            log.exception("the sync broke off")
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        self._full = True
        self.failure = str(error)
        self.marks.pending = self.marks.pending or time.monotonic()
        wait = self._backoff.next()
        self.marks.retry = time.monotonic() + wait
        self.metrics.failures.inc()
        log.error("rules were refused; all of them are written anew in %.1f s: %s", wait, error)

    async def sync(self, *, full: bool = True) -> None:
        """Bring the kernel to what is wanted now.

        Raises
        ------
        NftError
            The kernel refused; `full` must be true the next time.
        """
        begin = time.monotonic()
        keys, self._changed = self.view.take_changes(), False
        services, wrong = self.view.services(), self.view.refused()
        setups = {family: self.view.setup(family) for family in self.tables}
        full = full or any(table.setup != setups[family] for family, table in self.tables.items())
        made = {key: self.view.rules(services[key], setups) for key in (services if full else keys & services.keys())}
        for family, table in list(self.tables.items()):
            wanted = {key: rules[family] for key, rules in made.items()}
            if full:
                wrong |= await self._load(Table(setups[family]), wanted, services)
            else:
                wanted |= dict.fromkeys(keys - services.keys(), NO_RULES)
                wrong |= await self._change(table, wanted, services)
        self._full = False
        self._done(begin, keys, full=full)
        if self._after is not None:
            await self._after(services, wrong)

    async def _load(self, table: Table, wanted: dict[str, Rules], services: Mapping[str, Service]) -> dict[str, str]:
        family = table.setup.family
        elements, lost = merge(wanted, services)
        held = await self.kernel.held(family)
        anew = self._backoff.failures >= ANEW_AFTER and held is not None
        existing = held.objects if held is not None else ()
        plan = table.load(wanted, elements, self._weights(), existing=existing, anew=anew)
        await self._apply(table, plan)
        self.tables[family] = table
        self._generation = -1  # a transaction that only empties what is empty may not count: look the next time
        flows = changed_flows({}, wanted)
        if flows:
            self.metrics.flows.inc(await self.kernel.forget_flows(family, flows))
        return _conflicts(lost)

    async def _change(self, table: Table, wanted: dict[str, Rules], services: Mapping[str, Service]) -> dict[str, str]:
        rules = table.rules | wanted
        elements, lost = merge(rules, [key for key in services if key in rules])
        plan = table.change(wanted, elements, self._weights())
        flows = changed_flows(table.rules, wanted)
        await self._apply(table, plan)
        if flows:
            self.metrics.flows.inc(await self.kernel.forget_flows(table.setup.family, flows))
        return _conflicts(lost)

    async def _apply(self, table: Table, plan: Plan) -> None:
        for text in plan.texts:
            await self.kernel.apply(text)
            self._note_write()
        table.commit(plan, time.monotonic())

    def _done(self, begin: float, keys: set[str], *, full: bool) -> None:
        now = time.monotonic()
        self.marks.sync = now
        if full:
            self.marks.full = now
        self.marks.pending = self.view.first_change
        self.failure = ""
        self._backoff.reset()
        tables = [table.rules for table in self.tables.values()]
        self.metrics.note_sync(now - begin, self.view.delays(keys, time.time()), tables, full=full)

    async def reweigh(self) -> None:
        """Write the weights that moved; errors as `sync`."""
        self._reweigh = False
        self.marks.weights = begin = time.monotonic()
        weights, count = self._weights(), 0
        for family, table in self.tables.items():
            contents = table.reweigh(weights, tolerance=self.pace.tolerance)
            if contents:
                await self.kernel.write_weights(family, contents)
                table.splits.update(contents)
                self._note_write()
                count += len(contents)
        if count:
            self.metrics.note_reweigh(time.monotonic() - begin, count)

    async def sweep(self) -> None:
        """Delete what has not been used for a while; errors as `sync`."""
        for table in self.tables.values():
            text, due = table.sweep(time.monotonic())
            if due:
                await self.kernel.apply(text)
                self._note_write()
                table.swept(due, time.monotonic())

    def _note_write(self) -> None:
        """Expect the number that one transaction of ours leads to; any other one is looked into."""
        if self._generation >= 0:
            self._generation += 1

    async def _verify(self) -> None:
        """Look whether others changed our tables: another number of the ruleset, then other things in it."""
        generation = await self.kernel.generation()
        if generation == self._generation or self._full:
            return
        for family, table in self.tables.items():
            if await self.kernel.held(family) != table.held():
                log.warning("table %s was changed or deleted by others: it is written anew", family.nft)
                self._full = True
        self._generation = generation


def _conflicts(lost: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {service: f"{key} belongs to an older Service already" for service, key in lost}
