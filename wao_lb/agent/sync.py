"""Keeps the kernel rules equal to what the cluster and the weights require.

Level-triggered and at a bounded rate. After any doubt (a refusal, changes by others) all rules are written again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from wao_core.cluster.records import Service
from wao_lb.agent.family import FAMILIES, Family
from wao_lb.agent.linux.conntrack import changed_flows
from wao_lb.agent.linux.kernel import Kernel
from wao_lb.agent.linux.nft import NftError
from wao_lb.agent.metrics import AgentMetrics
from wao_lb.agent.model import NO_RULES, Rules, Weights
from wao_lb.agent.table import Table, TableUpdate, merge
from wao_lb.agent.view import NodeView
from wao_predict.backoff import Backoff

log = logging.getLogger(__name__)

RECREATE_AFTER = 3
"""Consecutive failures after which the table is recreated: it may not be changeable in place, as after an upgrade."""


@dataclass(frozen=True, slots=True)
class SyncIntervals:
    """How often the kernel is written.

    Attributes
    ----------
    sync
        Minimum time between two syncs [s]; changes in between are applied together.
    weights
        Minimum time between two writes of weights [s].
    tolerance
        Relative change of a share below which weights are not rewritten.
    verify
        Time between two checks for changes that others made to our tables [s].
    full
        Time between two full syncs [s]; `verify` does not notice every change.
    unhealthy_after
        Age of a pending change at which the agent reports itself unhealthy [s]; kube-proxy uses 2 x syncPeriod.
    """

    sync: float = 1.0
    weights: float = 5.0
    tolerance: float = 0.02
    verify: float = 10.0
    full: float = 900.0
    unhealthy_after: float = 60.0


@dataclass(slots=True)
class Timestamps:
    """When something last happened [monotonic seconds].

    Attributes
    ----------
    synced, fully_synced, weights_written, verified
        The last success of each.
    retry
        Earliest time of the next attempt after a failure.
    pending
        The oldest change that is not in the kernel yet, or None.
    """

    synced: float = float("-inf")
    fully_synced: float = float("-inf")
    weights_written: float = float("-inf")
    verified: float = float("-inf")
    retry: float = float("-inf")
    pending: float | None = None


AfterSync = Callable[[Mapping[str, Service], Mapping[str, str]], Awaitable[None]]
"""Called after every sync with the Services that are served, and the problem of each Service that has one."""


class Syncer:
    """The only writer of our tables.

    Parameters
    ----------
    weights
        Returns the currently known weights; none means equal weights.
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
        intervals: SyncIntervals | None = None,
        metrics: AgentMetrics | None = None,
        after: AfterSync | None = None,
    ) -> None:
        self.view, self.kernel, self.intervals = view, kernel, intervals or SyncIntervals()
        self.metrics = metrics or AgentMetrics()
        self.timestamps = Timestamps()
        self.tables = {family: Table(view.setup(family)) for family in families}
        self._weights, self._after = weights, after
        self._backoff = Backoff(initial=1.0, maximum=30.0)
        self._wake = asyncio.Event()
        self._full, self._changed, self._reweigh = True, False, False
        self._generation = -1
        self.failure = ""

    def note_change(self) -> None:
        """Request a sync: Services, endpoints or the node changed."""
        self._changed = True
        self.timestamps.pending = self.timestamps.pending or time.monotonic()
        self.metrics.queued.set_to_current_time()
        self._wake.set()

    def note_weights(self) -> None:
        """Request a write of weights: they changed."""
        self._reweigh = True
        self._wake.set()

    @property
    def synced(self) -> bool:
        """Whether at least one sync succeeded."""
        return self.timestamps.synced > float("-inf")

    @property
    def settled(self) -> bool:
        """Whether every requested sync and write of weights was looked at."""
        return not self._wake.is_set() and not self._reweigh

    def health(self) -> str | None:
        """Return None while changes reach the kernel in time, else the problem."""
        if self.timestamps.pending is None:
            return None
        age = time.monotonic() - self.timestamps.pending
        if age <= self.intervals.unhealthy_after:
            return None
        return f"a change has been pending for {age:.0f} s: {self.failure or 'no sync'}"

    async def run(self) -> None:
        """Sync until cancelled."""
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
        """Return the time of the next scheduled step; a change may wake the loop earlier."""
        last, intervals = self.timestamps, self.intervals
        if not self.view.synced:
            return time.monotonic() + 0.05
        times = [last.verified + intervals.verify, last.fully_synced + intervals.full]
        if self._full or self._changed:
            times.append(last.synced + intervals.sync)
        if self._reweigh:
            times.append(last.weights_written + intervals.weights)
        times += [at for table in self.tables.values() for at in table.retired.values()]
        return max(min(times), last.retry)

    async def _step(self, now: float) -> None:
        """Do what is due; after a refusal all rules are written again, with back-off."""
        last, intervals = self.timestamps, self.intervals
        if now < last.retry:
            return
        try:
            if now >= last.verified + intervals.verify:
                last.verified = now
                await self._verify()
            full = self._full or now >= last.fully_synced + intervals.full
            if (full or self._changed) and now >= last.synced + intervals.sync:
                await self.sync(full=full)
            elif self._reweigh and now >= last.weights_written + intervals.weights:
                await self.reweigh()
            await self.sweep()
        except NftError as error:
            self._failed(error)
        except Exception as error:  # keep running: the kernel still serves its present rules
            log.exception("the sync failed unexpectedly")
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        self._full = True
        self.failure = str(error)
        self.timestamps.pending = self.timestamps.pending or time.monotonic()
        wait = self._backoff.next()
        self.timestamps.retry = time.monotonic() + wait
        self.metrics.failures.inc()
        log.error("the kernel rejected the rules; all of them are written again in %.1f s: %s", wait, error)

    async def sync(self, *, full: bool = True) -> None:
        """Write the rules that the cluster requires now.

        Raises
        ------
        NftError
            The kernel refused; the next sync must be a full one.
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
        present = await self.kernel.table_contents(family)
        recreate = self._backoff.failures >= RECREATE_AFTER and present is not None
        existing = present.objects if present is not None else ()
        update = table.load(wanted, elements, self._weights(), existing=existing, recreate=recreate)
        await self._apply(table, update)
        self.tables[family] = table
        self._generation = -1  # a transaction without effect may not increase the generation: verify next time
        flows = changed_flows({}, wanted)
        if flows:
            self.metrics.flows.inc(await self.kernel.forget_flows(family, flows))
        return _conflicts(lost)

    async def _change(self, table: Table, wanted: dict[str, Rules], services: Mapping[str, Service]) -> dict[str, str]:
        rules = table.rules | wanted
        elements, lost = merge(rules, [key for key in services if key in rules])
        update = table.change(wanted, elements, self._weights())
        flows = changed_flows(table.rules, wanted)
        await self._apply(table, update)
        if flows:
            self.metrics.flows.inc(await self.kernel.forget_flows(table.setup.family, flows))
        return _conflicts(lost)

    async def _apply(self, table: Table, update: TableUpdate) -> None:
        for text in update.texts:
            await self.kernel.apply(text)
            self._note_write()
        table.commit(update, time.monotonic())

    def _done(self, begin: float, keys: set[str], *, full: bool) -> None:
        now = time.monotonic()
        self.timestamps.synced = now
        if full:
            self.timestamps.fully_synced = now
        self.timestamps.pending = self.view.first_change
        self.failure = ""
        self._backoff.reset()
        tables = [table.rules for table in self.tables.values()]
        self.metrics.note_sync(now - begin, self.view.delays(keys, time.time()), tables, full=full)

    async def reweigh(self) -> None:
        """Write the weights that changed; raises as `sync`."""
        self._reweigh = False
        self.timestamps.weights_written = begin = time.monotonic()
        weights, count = self._weights(), 0
        for family, table in self.tables.items():
            contents = table.reweigh(weights, tolerance=self.intervals.tolerance)
            if contents:
                await self.kernel.write_weights(family, contents)
                table.weight_maps.update(contents)
                self._note_write()
                count += len(contents)
        if count:
            self.metrics.note_reweigh(time.monotonic() - begin, count)

    async def sweep(self) -> None:
        """Delete objects that have been unused for a while; raises as `sync`."""
        for table in self.tables.values():
            text, due = table.sweep(time.monotonic())
            if due:
                await self.kernel.apply(text)
                self._note_write()
                table.swept(due, time.monotonic())

    def _note_write(self) -> None:
        """Account for our own transaction; any other generation triggers verification."""
        if self._generation >= 0:
            self._generation += 1

    async def _verify(self) -> None:
        """Detect changes by others: first by the ruleset's generation, then by the contents of our tables."""
        generation = await self.kernel.generation()
        if generation == self._generation or self._full:
            return
        for family, table in self.tables.items():
            if await self.kernel.table_contents(family) != table.expected_contents():
                log.warning("table %s was changed or deleted by another program; it is written again", family.nft)
                self._full = True
        self._generation = generation


def _conflicts(lost: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {service: f"{key} already belongs to an older Service" for service, key in lost}
