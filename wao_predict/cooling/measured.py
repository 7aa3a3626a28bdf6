"""Values of plants that Prometheus measures: the flows that read them, and what to do when one is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wao_predict.connection import TlsPolicy
from wao_predict.cooling.plant_file import Measured, PlantFile
from wao_predict.errors import WaoPredictError, summary
from wao_predict.flow import Flow
from wao_predict.sensors.base import Reading
from wao_predict.sensors.prometheus import PrometheusSensor


@dataclass(frozen=True, slots=True)
class MeasuredValue:
    """One value to read.

    Attributes
    ----------
    plant
        Number of the plant in its file, from 0.
    name
        Name of the value, such as `price`.
    how
        Where it is measured.
    """

    plant: int
    name: str
    how: Measured

    def sensor(self) -> PrometheusSensor:
        """Return the sensor that reads it."""
        return PrometheusSensor(self.how.url, self.how.query, metric=self.name)

    def tls(self) -> TlsPolicy:
        """Return how the server's certificate is verified."""
        return TlsPolicy(ca_file=None if self.how.ca_file is None else Path(self.how.ca_file))


def values_of(file: PlantFile) -> list[MeasuredValue]:
    """Return the values of a file that must be measured."""
    return [MeasuredValue(plant, name, how) for (plant, name), how in file.measured().items()]


Read = Callable[[Flow[Reading], MeasuredValue], Reading]


def read_values(file: PlantFile, read: Read) -> tuple[dict[tuple[int, str], float], list[str]]:
    """Return the values that could be read, and one line about each that could not.

    Parameters
    ----------
    file
        The plants.
    read
        Drives the flow of one sensor.
    """
    readings: dict[tuple[int, str], float] = {}
    problems: list[str] = []
    for value in values_of(file):
        try:
            readings[value.plant, value.name] = read(value.sensor().flow(), value).value
        except WaoPredictError as error:
            problems.append(f"{value.name} of {file.entries[value.plant].group}: {summary(error)}")
    return readings, problems
