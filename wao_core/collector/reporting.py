"""Writes the status of NodeConfigs to the cluster, at a bounded rate.

First come NodeConfigs without a status, then those whose conditions changed, then those whose values are old. Those
that the API server accepts but that cannot be decoded get a status, too, as their author looks for the reason there.
The rate limit protects the API server when a thousand NodeConfigs are created at once and after a restart.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from wao_core.cluster.records import Kind, NamespacedRecord, NodeConfig, key_of
from wao_core.cluster.source import Source
from wao_core.collector.collector import Collector
from wao_core.collector.status import (
    CalibrationReport,
    ChosenSensor,
    PredictionStatus,
    collecting_condition,
    metric_entries,
    predicting_condition,
    ready_condition,
    samples_of,
    unreadable_conditions,
)
from wao_core.conditions import Condition, same_conditions
from wao_core.crds.status_writer import Status, StatusWriter, WriteResult

WRITES_PER_SECOND = 20.0
ROUND_EVERY = 1.0  # seconds between two rounds
REVIEW_EVERY = 10.0  # seconds in which every status is compared once with the one in the cluster
REFRESH_AFTER = 300.0  # seconds after which values are written although no condition changed
_log = logging.getLogger(__name__)


class StatusReporter:
    """Keeps the status of NodeConfigs equal to what the collector knows. `run` never returns.

    Parameters
    ----------
    prediction
        Returns the state of prediction for a node name, None before the first prediction.
    proposal
        Returns the condition that proposes a model, None for a NodeConfig that needs none.
    calibration
        Returns the calibration of a NodeConfig's model, None where it is off.
    clock
        Seconds, for the retry of failed writes.
    """

    def __init__(
        self,
        source: Source,
        collector: Collector,
        *,
        prediction: Callable[[str], PredictionStatus | None] = lambda _node: None,
        proposal: Callable[[NodeConfig], Condition | None] = lambda _config: None,
        calibration: Callable[[NodeConfig], CalibrationReport | None] = lambda _config: None,
        writes_per_second: float = WRITES_PER_SECOND,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source, self._collector, self._prediction = source, collector, prediction
        self._proposal, self._calibration = proposal, calibration
        self._pause = 1.0 / writes_per_second
        self._writes_per_round = max(1, round(writes_per_second * ROUND_EVERY))
        self._writer = StatusWriter(source, "NodeConfig", _differs, clock=clock)
        self._to_review: list[str] = []
        self._changed: dict[str, None] = {}  # in the order of detection
        self._stale: dict[str, None] = {}

    async def run(self) -> None:
        """Write due statuses in rounds, until it is cancelled."""
        while True:
            handled = 0
            try:
                handled = await self.write_due()
            except Exception:
                _log.exception("the status of NodeConfigs was not written")
            # statuses that wait for their retry do not make rounds more frequent
            await asyncio.sleep(self._pause if handled else ROUND_EVERY)

    async def write_due(self, *, now: float | None = None) -> int:
        """Handle the most urgent statuses, at most one second's worth, and return their number."""
        configs = self._configs()
        new = self._writer.keep(configs.values())
        for queue in (self._changed, self._stale):
            for key in queue.keys() - configs.keys():
                del queue[key]
        self._review(time.time() if now is None else now)
        done = 0
        for key in itertools.islice(self._due(new), self._writes_per_round):
            config = configs.get(key)
            if config is not None:
                await self._write(config, time.time() if now is None else now)
                done += 1
                await asyncio.sleep(self._pause)
        return done

    def _configs(self) -> Mapping[str, NodeConfig]:
        """Return all NodeConfigs by key; of those that never could be decoded, the name only."""
        configs, names = self._source.state.node_configs, self._source.unreadable(Kind.NODE_CONFIG)
        if names.keys() <= configs.keys():
            return configs
        parts = [name.partition("/") for name in names if name not in configs]
        unknown = [
            NodeConfig(name=name, namespace=namespace, node_name="") for namespace, slash, name in parts if slash
        ]
        return {**configs, **{key_of(config): config for config in unknown}}

    def _due(self, new: Iterable[NamespacedRecord]) -> Iterator[str]:
        """Return the keys of NodeConfigs to write now, the most urgent first: those that were never written."""
        configs = self._configs()
        first = sorted(new, key=_created, reverse=True)  # older ones may have a status from before a restart
        keys = dict.fromkeys((*map(key_of, first), *self._changed, *self._stale))
        return (key for key in keys if (config := configs.get(key)) is not None and self._writer.is_due(config))

    def _review(self, now: float) -> None:
        """Compare a part of the statuses with those in the cluster: all of them within `REVIEW_EVERY` seconds."""
        configs, unreadable = self._configs(), self._source.unreadable(Kind.NODE_CONFIG)
        if not self._to_review:
            self._to_review = list(configs)
        for _ in range(min(len(self._to_review), math.ceil(len(configs) * ROUND_EVERY / REVIEW_EVERY))):
            key = self._to_review.pop()
            config = configs.get(key)
            written = None if config is None else self._writer.written(config)
            if config is None or written is None:
                continue
            if not same_conditions(written.status.conditions, self._conditions(config, unreadable, now)):
                self._changed[key] = None
            elif now - written.at > REFRESH_AFTER:
                self._stale[key] = None

    def _conditions(self, config: NodeConfig, unreadable: Mapping[str, str], now: float) -> tuple[Condition, ...]:
        key = key_of(config)
        if (refused := unreadable.get(key)) is not None:
            return unreadable_conditions(config, refused)
        winner = self._collector.plan.losers.get(key, "")
        samples = samples_of(config, self._collector.store)
        collecting = collecting_condition(config, samples, winner=winner, now=now)
        predicting = predicting_condition(config, self._prediction(config.node_name))
        proposed = self._proposal(config)
        calibrated = self._calibration(config)
        first = (ready_condition(config, collecting, predicting), collecting, predicting)
        more = (proposed, None if calibrated is None else calibrated.condition)
        return (*first, *(condition for condition in more if condition is not None))

    async def _write(self, config: NodeConfig, now: float) -> None:
        key = key_of(config)
        entries = metric_entries(samples_of(config, self._collector.store), self._sensors(config))
        known: dict[str, object] = {}
        if config.generation:
            known |= {"observedGeneration": config.generation, "metrics": entries}
        calibrated = self._calibration(config)
        if calibrated is not None and calibrated.fields:
            known["calibration"] = dict(calibrated.fields)
        unreadable = self._source.unreadable(Kind.NODE_CONFIG)
        status = Status(self._conditions(config, unreadable, now), known)
        result = await self._writer.write(config, status, now, refresh=key in self._stale)
        if result in (WriteResult.WRITTEN, WriteResult.UNCHANGED):
            self._changed.pop(key, None)
            self._stale.pop(key, None)

    def _sensors(self, config: NodeConfig) -> Mapping[str, ChosenSensor]:
        pollers = {metric: self._collector.poller_of(config.node_name, metric) for metric in config.metrics}
        chosen = {metric: poller.reader.chosen() for metric, poller in pollers.items() if poller is not None}
        return {metric: sensor for metric, sensor in chosen.items() if sensor is not None}


def _differs(present: Status, new: Status) -> bool:
    """Compare conditions only: values change with every reading, and are refreshed seldom."""
    return not same_conditions(present.conditions, new.conditions)


def _created(config: NamespacedRecord) -> float:
    return config.created or 0.0
