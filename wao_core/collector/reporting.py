"""Writes the status of NodeConfigs back to the cluster, at a bounded rate.

A NodeConfig's first status comes before all others, then what has changed, then the values now and then: a thousand
NodeConfigs that are made at once, or a restart, hold up nobody.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from wao_core.cluster.records import NodeConfig, key_of
from wao_core.cluster.source import ObjectRef, Source
from wao_core.collector.collector import Collector
from wao_core.collector.status import (
    ChosenSensor,
    Condition,
    Outlook,
    collecting_condition,
    metric_entries,
    predicting_condition,
    ready_condition,
    samples_of,
    with_transitions,
)

WRITES_PER_SECOND = 20.0
LOOK_EVERY = 1.0  # seconds
REVIEW_EVERY = 10.0  # seconds in which every status is compared once with what was written
REFRESH_AFTER = 300.0  # seconds after which values are written though no condition changed
API_VERSION = "node.waok8s.github.io/v1beta1"
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Written:
    conditions: list[Condition]
    at: float

    def says(self) -> list[tuple[object, ...]]:
        return _gists(self.conditions)


class StatusReporter:
    """Run `run` beside a collector.

    Parameters
    ----------
    outlook
        Tells how prediction stands for a node, None before the first one.
    """

    def __init__(
        self,
        source: Source,
        collector: Collector,
        *,
        outlook: Callable[[str], Outlook | None] = lambda _node: None,
        writes_per_second: float = WRITES_PER_SECOND,
    ) -> None:
        self._source, self._collector, self._outlook = source, collector, outlook
        self._pause = 1.0 / writes_per_second
        self._most = max(1, round(writes_per_second * LOOK_EVERY))
        self._written: dict[str, _Written] = {}
        self._round: list[str] = []  # keys that are still to be looked at in this round
        self._changed: dict[str, None] = {}  # in the order in which it was noticed
        self._stale: dict[str, None] = {}

    async def run(self) -> None:
        """Look and write for ever."""
        while True:
            try:
                await self.write_due()
            except Exception:
                _log.exception("the status of NodeConfigs was not written")
            await asyncio.sleep(self._pause if self._changed or self._stale else LOOK_EVERY)

    async def write_due(self, *, now: float | None = None) -> int:
        """Write the most urgent statuses, a second's worth at most, and return how many there were."""
        configs = self._source.state.node_configs
        for held in (self._written, self._changed, self._stale):
            for key in held.keys() - configs.keys():
                del held[key]
        self._review(time.time() if now is None else now)
        first = [config for key, config in configs.items() if key not in self._written]
        first.sort(key=_created, reverse=True)  # the newest has no status at all; the others may have one from before
        due = itertools.chain(map(key_of, first), tuple(self._changed), tuple(self._stale))
        done = 0
        for key in itertools.islice(due, self._most):
            config = configs.get(key)
            if config is not None:
                await self._write(config, time.time() if now is None else now)
                done += 1
                await asyncio.sleep(self._pause)
        return done

    def _review(self, now: float) -> None:
        """Compare some of the statuses with what was written: in `REVIEW_EVERY` seconds all of them, in turn."""
        configs = self._source.state.node_configs
        if not self._round:
            self._round = list(configs)
        for _ in range(min(len(self._round), math.ceil(len(configs) * LOOK_EVERY / REVIEW_EVERY))):
            key = self._round.pop()
            config, held = configs.get(key), self._written.get(key)
            if config is None or held is None:
                continue
            if held.says() != _gists(self._conditions(config, now)):
                self._changed[key] = None
            elif now - held.at > REFRESH_AFTER:
                self._stale[key] = None

    def _conditions(self, config: NodeConfig, now: float) -> list[Condition]:
        winner = self._collector.plan.losers.get(key_of(config), "")
        samples = samples_of(config, self._collector.store)
        collecting = collecting_condition(config, samples, winner=winner, now=now)
        predicting = predicting_condition(config, self._outlook(config.node_name))
        return [ready_condition(config, collecting, predicting), collecting, predicting]

    async def _write(self, config: NodeConfig, now: float) -> None:
        key, about = key_of(config), ObjectRef("NodeConfig", config.name, config.namespace, config.uid, API_VERSION)
        conditions = self._conditions(config, now)
        if key in self._stale and key not in self._changed:
            before = self._written[key].conditions
        else:  # another replica, or this one before it was restarted, may have said the same already
            before = _conditions_in(await self._source.status(about))
        dated = with_transitions(conditions, before, now)
        if key in self._stale or _gists(before) != _gists(conditions):
            entries = metric_entries(samples_of(config, self._collector.store), self._sensors(config))
            status = {"observedGeneration": config.generation, "conditions": dated, "metrics": entries}
            await self._source.patch_status(about, status)
        self._written[key] = _Written(dated, now)
        self._changed.pop(key, None)
        self._stale.pop(key, None)

    def _sensors(self, config: NodeConfig) -> Mapping[str, ChosenSensor]:
        pollers = {metric: self._collector.poller_of(config.node_name, metric) for metric in config.metrics}
        chosen = {metric: poller.reader.chosen() for metric, poller in pollers.items() if poller is not None}
        return {metric: sensor for metric, sensor in chosen.items() if sensor is not None}


def _created(config: NodeConfig) -> float:
    return config.created or 0.0


def _conditions_in(status: Mapping[str, object]) -> list[Condition]:
    found = status.get("conditions")
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _gists(conditions: Sequence[Condition]) -> list[tuple[object, ...]]:
    return [_gist(condition) for condition in conditions]


def _gist(condition: Mapping[str, object]) -> tuple[object, ...]:
    """Return what must not be written again while it stays: not the message, which may carry changing numbers."""
    return tuple(condition.get(key) for key in ("type", "status", "reason", "observedGeneration"))
