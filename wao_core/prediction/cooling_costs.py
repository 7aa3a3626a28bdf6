"""What a watt costs on each node of the cluster: the plants of a file, with what Prometheus measures."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wao_core.cluster.records import Node
from wao_core.prediction.snapshot import ClusterSnapshot
from wao_predict.arrays import FloatArray
from wao_predict.connection import HttpOptions
from wao_predict.cooling.groups import Cooling, GroupedCooling, cost_curves
from wao_predict.cooling.measured import MeasuredValue, values_of
from wao_predict.cooling.plant_file import PlantFile, read_plants
from wao_predict.errors import WaoPredictError, summary
from wao_predict.flow import arun
from wao_predict.transport import AsyncHttpTransport

log = logging.getLogger(__name__)

PERIOD = 60.0
"""Time between two readings of the measured values [s]."""
MAX_AGE = 900.0
"""Age up to which the last reading is used when there is no new one [s]."""
_LIMITS = HttpOptions(timeout=5.0, connect_timeout=3.0, attempts=2)


@dataclass(frozen=True, slots=True)
class PlantSource:
    """The plants of a cluster.

    Parameters
    ----------
    file
        Plant file.
    label
        Node label whose value is the group of a node.
    """

    file: Path
    label: str

    def costs(self) -> CoolingCosts:
        """Return the plants before anything is measured.

        Raises
        ------
        WaoPredictError
            The file cannot be read or used.
        """
        return CoolingCosts(read_plants(self.file), self.label)


class CoolingCosts:
    """The plants of a cluster, and what a further watt costs on each node.

    Parameters
    ----------
    file
        The plants.
    label
        Node label whose value is the group of a node.
    clock
        Returns the time [s].

    Attributes
    ----------
    by_group
        What a further watt costs in each group of nodes; "*" are the nodes of all groups without a plant of their own.
    """

    def __init__(self, file: PlantFile, label: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._file, self._label, self._clock = file, label, clock
        self._readings: dict[tuple[int, str], tuple[float, float]] = {}
        self._unread: tuple[str, ...] = ()
        self._notes: tuple[str, ...] = ()
        self._factors: FloatArray | None = None
        self._names: Sequence[str] = ()
        self.by_group: Mapping[str, float] = {}

    def groups_of(self, names: Sequence[str], nodes: Mapping[str, Node]) -> list[str]:
        """Return the group of each node, "" for one without the label."""
        return [nodes[name].labels.get(self._label, "") if name in nodes else "" for name in names]

    def cooling(self) -> Cooling:
        """Return the plants with the last readings; one whose power is unknown counts without cooling."""
        now = self._clock()
        fresh = {key: value for key, (value, at) in self._readings.items() if now - at <= MAX_AGE}
        cooling, unknown = self._file.usable(fresh)
        self._note((*self._unread, *unknown))
        return cooling

    def factors(self, snapshot: ClusterSnapshot, nodes: Mapping[str, Node]) -> FloatArray:
        """Return what a further watt costs on each node of a snapshot, shape (n_nodes,).

        A factor stays as it is until it changes by 2 %, so that cached increases stay valid.
        """
        watts = snapshot.curves.at(snapshot.cpu_usage)
        grouped = GroupedCooling(self.cooling(), self.groups_of(snapshot.names, nodes), snapshot.curves.watts[:, -1])
        before = self._factors if snapshot.names is self._names else None
        self._names, self._factors = snapshot.names, grouped.factors(watts, before=before)
        self.by_group = dict(
            zip((grouped.names[group] for group in grouped.index), self._factors.tolist(), strict=True)
        )
        self._note((*self._unread, *grouped.notes) if grouped.notes else self._notes)
        return self._factors

    def priced(self, snapshot: ClusterSnapshot, nodes: Mapping[str, Node]) -> ClusterSnapshot:
        """Return a snapshot with curves of cost: the power of each node times what a watt costs there."""
        return replace(snapshot, curves=cost_curves(snapshot.curves, self.factors(snapshot, nodes)))

    def problem(self) -> str | None:
        """Return what is missing and how it is counted, None if nothing is: a warning of the server."""
        return "; ".join(self._notes)[:1000] or None

    async def keep_reading(self) -> None:
        """Read the measured values every `PERIOD` from now on, until cancelled."""
        while True:
            await asyncio.sleep(PERIOD)
            await self.read()

    async def read(self) -> None:
        """Read the measured values once; one that cannot be read keeps its last value for a while."""
        results = await asyncio.gather(*(self._read(value) for value in values_of(self._file)))
        self._unread = tuple(problem for problem in results if problem)

    async def _read(self, value: MeasuredValue) -> str:
        """Read one value; return why it could not be read, or an empty string."""
        sensor = value.sensor()
        transport = AsyncHttpTransport(sensor.base_url, tls=value.tls(), options=_LIMITS)
        try:
            reading = await arun(sensor.flow(), transport)
        except WaoPredictError as error:
            return f"{value.name} of {self._file.entries[value.plant].group}: {summary(error)}"
        finally:
            await transport.close()
        self._readings[value.plant, value.name] = (reading.value, self._clock())
        return ""

    def _note(self, notes: tuple[str, ...]) -> None:
        notes = tuple(dict.fromkeys(notes))
        if notes != self._notes and notes:
            log.warning("cooling and prices: %s", "; ".join(notes))
        self._notes = notes


def marginal_watts(increase: FloatArray, factors: FloatArray | None) -> FloatArray:
    """Return increases of cost as watts of the servers, shape (n,): without the factors, if there are any."""
    return increase if factors is None else np.asarray(increase / factors, dtype=np.float64)
