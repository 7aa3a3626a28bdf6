"""Measured savings: the last value before the sleep minus the present one."""

from __future__ import annotations

from tests.fakes.standby_bed import Bed, standby_bed
from wao_core.collector.metrics_feed import values_path
from wao_fleet.standby.measured import EVERY, MeasuredPower
from wao_fleet.standby.progress import Phase, Progress

PATH = values_path("power_watts")

AWAKE, ASLEEP = Progress(), Progress(phase=Phase.ASLEEP)


def show(bed: Bed, **watts: str) -> None:
    bed.now += EVERY
    at = "2026-11-29T10:00:00Z"
    bed.api.lists[PATH] = [
        {"describedObject": {"name": name}, "value": value, "timestamp": at} for name, value in watts.items()
    ]


async def test_the_value_of_now_is_taken_from_the_last_one_before_the_sleep() -> None:
    async with standby_bed() as bed:
        power = MeasuredPower(bed.client, clock=lambda: bed.now)
        for value in ("200", "120"):
            show(bed, n1=value, n2="300")
            await power.refresh({"n1": AWAKE, "n2": AWAKE})
        show(bed, n1="9", n2="300")
        await power.refresh({"n1": ASLEEP, "n2": AWAKE})
        assert power.saved(["n1", "unknown"]) == {"n1": 111.0}


async def test_what_is_not_measured_is_missing() -> None:
    async with standby_bed() as bed:
        power = MeasuredPower(bed.client, clock=lambda: bed.now)
        await power.refresh({"n1": AWAKE})  # there is no metrics API
        show(bed, n1="9")
        await power.refresh({"n1": ASLEEP})  # after a restart the power before is unknown
        assert power.saved(["n1"]) == {}


async def test_it_is_read_once_a_minute() -> None:
    async with standby_bed() as bed:
        power = MeasuredPower(bed.client, clock=lambda: bed.now)
        show(bed, n1="120")
        await power.refresh({"n1": AWAKE})
        show(bed, n1="9")
        bed.now -= 1.0
        await power.refresh({"n1": ASLEEP})
        assert power.saved(["n1"]) == {}
