"""`predicted_watts`: the power that each node's model predicts now, from the curves that scheduler and lb use too."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

import numpy as np

from wao_core.cluster.sleeping import sleeping_watts
from wao_core.cluster.source import Source
from wao_core.collector.endpoints import Endpoints
from wao_core.collector.status import PredictionStatus
from wao_core.collector.store import Sample, SampleState, SampleStore
from wao_core.collector.usage import METRIC as CPU_USAGE
from wao_core.prediction.curve_book import CurveBook
from wao_core.prediction.model_opener import model_opener
from wao_core.prediction.snapshot import ClusterSnapshot
from wao_core.prediction.snapshot_builder import SnapshotBuilder
from wao_metrics_api.calibration import Calibrations

METRIC = "predicted_watts"
EVERY = 5.0  # seconds between two predictions
AT_FIRST, AT_FIRST_FOR = 0.1, 15.0  # the same while the first readings arrive, and how long that lasts
OFF = "off (standby)"
"""Source of the power of a node that is switched off."""
OFF_EVERY, OFF_TTL = 15.0, 60.0  # seconds between two samples of such a node, and for which one is valid
_log = logging.getLogger(__name__)


class PredictedWatts:
    """Writes predictions into the store of a collector, and calibrates models with them, while `run` runs.

    Parameters
    ----------
    inputs_read
        Returns whether every sensor was tried; readiness waits for predictions made after that.
    """

    def __init__(
        self,
        source: Source,
        store: SampleStore,
        endpoints: Endpoints,
        *,
        inputs_read: Callable[[], bool] = lambda: True,
    ) -> None:
        self._state, self._store, self._inputs_read = source.state, store, inputs_read
        self.first_made = False
        self.calibrations = Calibrations()
        self._book = CurveBook(model_opener(endpoints))
        self._builder = SnapshotBuilder(source.state, store, self._book)

    async def run(self) -> None:
        """Predict until cancelled."""
        began = time.monotonic()
        while True:
            await self._look()
            await asyncio.sleep(AT_FIRST if time.monotonic() - began < AT_FIRST_FOR else EVERY)

    async def close(self) -> None:
        """Close the models, after `run` has ended."""
        await self._book.close()

    def status(self, node: str) -> PredictionStatus | None:
        """Return the state of prediction for a node, or None before the first prediction."""
        snapshot = self._builder.current
        row = None if snapshot is None or not self.first_made else snapshot.index.get(node)
        if snapshot is None or row is None:
            return None
        return PredictionStatus(snapshot.models[row], bool(snapshot.curves.known[row]), snapshot.reasons[row])

    async def _look(self) -> None:
        complete = self._inputs_read()
        try:
            await self._builder.refresh_in_turns()
            await self._book.settle(EVERY)
            asleep = sleeping_watts(self._state.nodes.values(), self._state.node_configs.values())
            snapshot = await self._builder.refresh_in_turns()
            put_predictions(snapshot, self._store, now=time.time(), asleep=asleep)
            self.calibrations.update(self._state.node_configs.values(), snapshot, self._book, self._store)
        except Exception:
            _log.exception("cannot predict the power of the nodes")
        self.first_made = self.first_made or complete


def put_predictions(
    snapshot: ClusterSnapshot, store: SampleStore, *, now: float, asleep: Mapping[str, float] | None = None
) -> None:
    """Store the predicted power [W] of every node with a curve and a fresh CPU use; remove that of the others.

    A prediction has the time of the CPU use that it is based on. A node that `wao standby` has switched off has no CPU
    use: its power is that of its BMC, in `asleep` [W], and the source of the sample says so.
    """
    off = asleep or {}
    usage = {name: store.get(name, CPU_USAGE) for name in snapshot.names}
    percent = np.array([np.nan if (one := usage[name]) is None else one.value for name in snapshot.names])
    watts = snapshot.curves.at(percent) if len(snapshot) else percent
    for name, value, model in zip(snapshot.names, watts.tolist(), snapshot.models, strict=True):
        used, old = usage[name], store.get(name, METRIC)
        if name in off:
            if old is None or old.source != OFF or now - old.time >= OFF_EVERY:
                store.put(name, METRIC, Sample(off[name], now, 0.0, OFF_TTL, SampleState.OK, "", OFF))
            continue
        if used is None or not used.fresh(now) or not np.isfinite(value):
            store.remove(name, METRIC)
            continue
        sample = Sample(round(value, 3), used.time, used.window, used.ttl, SampleState.OK, "", model)
        if sample != old:
            store.put(name, METRIC, sample)
    for name in [name for name in store.by_node(METRIC) if name not in usage]:
        store.remove(name, METRIC)
