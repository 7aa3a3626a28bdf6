"""What a sensor is: something that describes how one reading is fetched, and leaves the I/O to a transport."""

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
        In `unit`: degC, Pa or W. Always a finite number; what is missing raises instead.
    unit
        Its unit.
    time
        When the device sampled it, where it says so.
    source
        Where it stands: a URI, or what else names the sensor.
    """

    value: float
    unit: str
    time: datetime | None = None
    source: str = ""


class Sensor(Protocol):
    """One quantity of one node. Keeps what it has found out, such as the URI to poll, between readings."""

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
            The server refuses or is away.
        """
        ...
