"""Sensors that read numbers or raise errors, as the pollers' readers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from wao_core.collector.plan import SensorSpec
from wao_core.collector.poller import Reader
from wao_core.collector.status import ChosenSensor
from wao_predict.sensors.base import Reading


@dataclass
class Sensors:
    """Sensors by endpoint: a number to read, or an error to raise; counts the readings."""

    values: dict[str, float | Exception] = field(default_factory=dict)
    reads: dict[str, int] = field(default_factory=dict)
    closed: list[str] = field(default_factory=list)

    def reader(self, spec: SensorSpec) -> Reader:
        return SensorOf(self, spec.endpoint.url)


@dataclass
class SensorOf:
    sensors: Sensors
    endpoint: str

    async def read(self) -> Reading:
        self.sensors.reads[self.endpoint] = self.sensors.reads.get(self.endpoint, 0) + 1
        await asyncio.sleep(0)
        value = self.sensors.values.get(self.endpoint, 20.0)
        if isinstance(value, Exception):
            raise value
        return Reading(value)

    def chosen(self) -> ChosenSensor | None:
        return None

    def close(self) -> None:
        self.sensors.closed.append(self.endpoint)
