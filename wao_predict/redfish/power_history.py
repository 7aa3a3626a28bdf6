"""The history of power, inlet temperature and CPU load that a BMC of HPE keeps: its power meters.

Source: HPE iLO 5, 6 and 7, `Oem.Hpe.Links` of a chassis' Power: FastPowerMeter has a sample each 10 s of 20 minutes,
PowerMeter each 5 min of a day, and SlowPowerMeter each hour of a week. The times are those of the BMC's clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from wao_predict.errors import SensorError
from wao_predict.flow import Flow
from wao_predict.redfish.chassis import survey
from wao_predict.redfish.explorer import Bounds, Explorer
from wao_predict.redfish.values import Document, inlet, items, link, mapping, number, text, watts
from wao_predict.timestamps import parse_rfc3339


class Meter(StrEnum):
    """A power meter of HPE, by the time that it covers."""

    MINUTES = "FastPowerMeter"
    DAY = "PowerMeter"
    WEEK = "SlowPowerMeter"


@dataclass(frozen=True, slots=True)
class PastSample:
    """One sample: time [s since the epoch], CPU load [%], inlet temperature [degC], and mean power [W]."""

    time: float
    cpu_usage: float
    inlet_temp: float
    watts: float


def read_history(meter: Meter = Meter.MINUTES, *, system: str | None = None) -> Flow[list[PastSample]]:
    """Return the samples of a meter in order of time; samples with a missing or implausible value are left out.

    Parameters
    ----------
    system
        The node's System where the BMC has several: its path, id, name or UUID.

    Raises
    ------
    SensorError
        The BMC has no such meter, or it has no usable sample.
    RemoteError
        The BMC cannot be reached or refuses the credentials.
    """
    explorer = Explorer(Bounds(requests=64))
    bmc = yield from survey(explorer, system)
    for chassis in bmc.chassis:
        power = yield from explorer.get(link(chassis.document, "Power"))
        links = mapping(mapping(mapping(mapping(power).get("Oem")).get("Hpe")).get("Links"))
        if not link(links, meter):
            continue
        document = yield from explorer.get(link(links, meter))
        if document is None:
            continue
        found = sorted(_samples(document), key=lambda sample: sample.time)
        if not found:
            raise SensorError(f"{link(links, meter)} has no usable sample: is the server on?")
        return found
    if explorer.transient is not None:
        raise explorer.transient
    raise SensorError(
        f"the BMC has no {meter}, a power meter of HPE: record it while it runs, with `wao record redfish`"
    )


def _samples(document: Document) -> Iterator[PastSample]:
    for member in items(document.get("PowerDetail")):
        detail = mapping(member)
        time, load = parse_rfc3339(text(detail.get("Time"))), number(detail.get("CpuUtil"))
        air, power = inlet(detail.get("AmbTemp")), watts(detail.get("Average"))
        if time is None or load is None or air is None or power is None:
            continue
        if 0 <= load <= 100:
            yield PastSample(time, load, air, power)
