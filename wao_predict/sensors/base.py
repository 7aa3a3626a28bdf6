"""The protocol of sensors: a sensor describes the requests of one reading and leaves the I/O to a transport."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from wao_predict.flow import Flow


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one sensor.

    Parameters
    ----------
    value
        In `unit`: degC, Pa or W. Always a finite number; a missing value raises an error instead.
    unit
        Its unit.
    time
        Time of the sample, if the device states it.
    source
        A URI or another name of the sensor.
    """

    value: float
    unit: str = ""
    time: datetime | None = None
    source: str = ""


class Sensor(Protocol):
    """One quantity of one node. Keeps the results of discovery, such as the URI to poll, between readings.

    `wao_predict.endpoint` describes how an endpoint becomes a sensor.
    """

    @property
    def base_url(self) -> str:
        """Origin that the requests go to; "" when there are none."""
        ...

    def flow(self) -> Flow[Reading]:
        """Yield the requests of one reading and return it.

        Raises
        ------
        SensorError
            There is no usable value.
        RemoteError
            The server refuses the request or cannot be reached.
        """
        ...
