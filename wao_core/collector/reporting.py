"""Writes the status of NodeConfigs back to the cluster, at a bounded rate: changes first, values now and then."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

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
from wao_core.records import NodeConfig, key_of
from wao_core.source.base import ObjectRef, Source

WRITES_PER_SECOND = 5.0
LOOK_EVERY = 2.0  # seconds
REFRESH_AFTER = 300.0  # seconds after which values are written though no condition changed
API_VERSION = "node.waok8s.github.io/v1beta1"
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Written:
    conditions: list[Condition] = field(default_factory=list)
    at: float = 0.0

    def says(self) -> list[tuple[object, ...]]:
        return [_gist(condition) for condition in self.conditions]


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
        self._written: dict[str, _Written] = {}

    async def run(self) -> None:
        """Look and write for ever."""
        while True:
            try:
                await self.write_due()
            except Exception:
                _log.exception("the status of NodeConfigs was not written")
            await asyncio.sleep(LOOK_EVERY)

    async def write_due(self, *, now: float | None = None) -> int:
        """Write every status that is due and return how many there were."""
        at = time.time() if now is None else now
        configs = self._source.state.node_configs
        for key in self._written.keys() - configs.keys():
            del self._written[key]
        changed, stale = [], []
        for config in list(configs.values()):
            conditions = self._conditions(config, at)
            held = self._written.get(key_of(config), _Written())
            if held.says() != [_gist(condition) for condition in conditions]:
                changed.append((config, conditions))
            elif at - held.at > REFRESH_AFTER:
                stale.append((config, conditions))
        for config, conditions in (*changed, *stale):
            await self._write(config, conditions, at)
            await asyncio.sleep(self._pause)
        return len(changed) + len(stale)

    def _conditions(self, config: NodeConfig, now: float) -> list[Condition]:
        winner = self._collector.plan.losers.get(key_of(config), "")
        samples = samples_of(config, self._collector.store)
        collecting = collecting_condition(config, samples, winner=winner, now=now)
        predicting = predicting_condition(config, self._outlook(config.node_name))
        return [ready_condition(config, collecting, predicting), collecting, predicting]

    async def _write(self, config: NodeConfig, conditions: list[Condition], now: float) -> None:
        held = self._written.setdefault(key_of(config), _Written())
        dated = with_transitions(conditions, held.conditions, now)
        status: dict[str, object] = {
            "observedGeneration": config.generation,
            "conditions": dated,
            "metrics": metric_entries(samples_of(config, self._collector.store), self._sensors(config)),
        }
        about = ObjectRef("NodeConfig", config.name, config.namespace, config.uid, API_VERSION)
        await self._source.patch_status(about, status)
        held.conditions, held.at = dated, now

    def _sensors(self, config: NodeConfig) -> Mapping[str, ChosenSensor]:
        pollers = {metric: self._collector.poller_of(config.node_name, metric) for metric in config.metrics}
        chosen = {metric: poller.reader.chosen() for metric, poller in pollers.items() if poller is not None}
        return {metric: sensor for metric, sensor in chosen.items() if sensor is not None}


def _gist(condition: Mapping[str, object]) -> tuple[object, ...]:
    """Return what must not be written again while it stays: not the message, which may carry changing numbers."""
    return tuple(condition.get(key) for key in ("type", "status", "reason", "observedGeneration"))
