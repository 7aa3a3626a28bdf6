"""A server whose true power is known, as a BMC and a kernel show it: with noise, a lag and whole steps of watts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from wao_predict import Predictor, load_predictor
from wao_predict.arrays import FloatArray
from wao_predict.flow import Flow, Response
from wao_predict.recording.files import Recording
from wao_predict.recording.live import LiveNode, Source
from wao_predict.recording.node_cpu import CpuCounters
from wao_predict.sensors.base import Reading
from wao_predict.testing import MockTransport

PERIOD = 15.0
START = 1_767_225_600.0


class SimulatedServer:
    """A server that is recorded for some hours.

    Parameters
    ----------
    model
        Name of the model that is the truth; its pressure is constant.
    hours
        Length of the recording.
    noise
        Standard deviation of measured power, relative.
    lag
        Rows by which the BMC is behind.
    quantum
        Step of measured power [W].
    """

    def __init__(
        self,
        model: str = "edge_lenovo",
        *,
        hours: float = 2.0,
        noise: float = 0.01,
        lag: int = 2,
        quantum: float = 2.0,
        seed: int = 0,
    ) -> None:
        self.truth: Predictor = load_predictor(model)
        random = np.random.default_rng(seed)
        rows = int(hours * 3600 / PERIOD)
        levels = np.repeat(random.uniform(0, 100, rows // 8 + 1), random.integers(4, 12, rows // 8 + 1))[: rows + 1]
        self.load = np.clip(np.resize(levels, rows + 1) + random.normal(0, 3, rows + 1), 0.2, 100.0)
        self.temp = 24.5 + 3 * np.sin(np.arange(rows + 1) / 90.0)
        watts = self.watts(self.load, self.temp) * (1 + random.normal(0, noise, rows + 1))
        self.measured = quantum * np.round(np.concatenate([watts[:lag], watts[: rows + 1 - lag]]) / quantum)
        self._row = 0

    def watts(self, load: FloatArray, temp: FloatArray) -> FloatArray:
        """Return the true power [W]."""
        pressure = np.full_like(load, 5.0)
        return self.truth.predict_detailed(np.column_stack([load, temp, pressure])).watts

    def record(self, path: Path) -> int:
        """Record all hours to a file, as `wao record redfish` does; return the number of rows."""
        node = LiveNode("a", self._counters, self._sources(), clock=lambda: START + PERIOD * self._row)
        target = Recording(path, node.columns)
        written = 0
        for number in range(len(self.load)):
            self._row = number
            row = node.read()
            written += target.append([] if row is None else [row])
        target.flush()
        return written

    def error(self, model: Predictor) -> float:
        """Return the mean absolute percentage error of a model of load and temperature, over the whole load."""
        load, temp = (axis.ravel() for axis in np.meshgrid(np.arange(0.0, 101.0, 5.0), [22.5, 24.5, 26.5]))
        truth = self.watts(load, temp)
        return float(100 * np.mean(np.abs(model.predict_detailed(np.column_stack([load, temp])).watts - truth) / truth))

    def _counters(self) -> CpuCounters:
        busy = float(np.sum(self.load[: self._row + 1])) / 100.0
        total = float(self._row + 1)
        return CpuCounters(total - busy, total)

    def _sources(self) -> dict[str, Source]:
        nothing = MockTransport(lambda request: Response(404))
        series = {"inlet_temp": ("degC", np.round(self.temp)), "watts": ("W", self.measured)}
        return {name: Source(_Shown(self, unit, values), nothing) for name, (unit, values) in series.items()}

    @property
    def row(self) -> int:
        """The row that is recorded now."""
        return self._row


class _Shown:
    """One quantity as the BMC shows it."""

    base_url = ""

    def __init__(self, server: SimulatedServer, unit: str, values: FloatArray) -> None:
        self._server, self._unit, self._values = server, unit, values

    def flow(self) -> Flow[Reading]:
        """Return the present reading."""
        yield from ()
        at = self._server.row
        return Reading(float(self._values[at]), self._unit, datetime.fromtimestamp(START + PERIOD * at, UTC))
