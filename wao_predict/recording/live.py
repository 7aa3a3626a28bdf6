"""Recording of one server as it runs: its BMC, and its CPU counters, once per period."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from wao_predict.errors import RemoteError, SensorError, UsageError
from wao_predict.flow import MIB, Request, Transport, run
from wao_predict.recording.aligning import Row
from wao_predict.recording.node_cpu import CpuCounters, from_node_exporter, from_proc_stat
from wao_predict.sensors.base import Reading, Sensor

MOST_SKEW = 300.0
"""Largest difference between the clock of a BMC and ours for which its time of a sample is used [s]."""

Counters = Callable[[], CpuCounters]
"""Returns the counters now; raises `SensorError` or `RemoteError`."""


def local_counters(path: Path = Path("/proc/stat")) -> Counters:
    """Return a reader of the counters of this machine."""

    def read() -> CpuCounters:
        try:
            return from_proc_stat(path.read_text())
        except OSError as error:
            raise UsageError(
                f"{path} cannot be read ({error.strerror}): use the URL of node_exporter instead"
            ) from None

    return read


def exporter_counters(transport: Transport, path: str) -> Counters:
    """Return a reader of the counters of node_exporter at a path such as /metrics."""

    def read() -> CpuCounters:
        response = transport.send(Request("GET", path, max_bytes=32 * MIB))
        if response.status != 200:
            raise RemoteError(
                f"node_exporter answered {response.status} to {path}", endpoint=path, status_code=response.status
            )
        return from_node_exporter(response.body.decode(errors="replace"))

    return read


@dataclass(frozen=True, slots=True)
class Source:
    """A sensor with the transport to its server."""

    sensor: Sensor
    transport: Transport


class LiveNode:
    """One server that is read once per period.

    Parameters
    ----------
    node
        Its name in the rows.
    counters
        Reads its CPU counters.
    sources
        Sensors by column: watts, and others such as inlet_temp.
    clock
        Returns seconds since the epoch.
    """

    def __init__(
        self,
        node: str,
        counters: Counters,
        sources: Mapping[str, Source],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.node = node
        self._counters, self._sources, self._clock = counters, dict(sources), clock
        self._before: CpuCounters | None = None
        self.problem = ""
        """Why the last period has no row; empty if it has one."""

    @property
    def columns(self) -> list[str]:
        """The columns of a row."""
        return ["cpu_usage", *self._sources]

    def read(self) -> Row | None:
        """Return the row of the period that ends now, or None if a value is missing or the period is the first one.

        The load is the mean since the last call. The time is that at which the BMC measured the power, if it states it.
        """
        self.problem = ""
        try:
            counters = self._counters()
            load = None if self._before is None else counters.usage_since(self._before)
            self._before = counters
            readings = {name: run(source.sensor.flow(), source.transport) for name, source in self._sources.items()}
        except (SensorError, RemoteError) as error:
            self.problem = str(error)
            return None
        if load is None:
            self.problem = "waiting for the first period"
            return None
        values = {"cpu_usage": load, **{name: reading.value for name, reading in readings.items()}}
        return Row(self._time(readings["watts"]), self.node, values)

    def _time(self, reading: Reading) -> float:
        """Return the time of a reading; the clocks of some BMCs are wrong, and then ours counts."""
        now = self._clock()
        taken = now if reading.time is None else reading.time.timestamp()
        return taken if abs(taken - now) <= MOST_SKEW else now


def check_sources(node: LiveNode) -> None:
    """Read every source once, so that a wrong address or password fails before an hour of recording.

    Raises
    ------
    SensorError
        A source cannot be read.
    """
    node.read()
    if node.problem and node.problem != "waiting for the first period":
        raise SensorError(f"{node.node} cannot be recorded: {node.problem}")
