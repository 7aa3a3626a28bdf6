"""Polling the one chosen resource: names before indexes, and what happens when it is gone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.bmc_trees import member
from tests.wao_predict.redfish.captures import Served
from wao_predict import SensorError
from wao_predict.flow import run
from wao_predict.redfish.choice import SensorChoice
from wao_predict.redfish.poll import SensorMoved, read_choice

PATH = "/redfish/v1/Chassis/1/Thermal"
CHOICE = SensorChoice(PATH, "Inlet Temp", 22.0, "/Temperatures/0")


def held(*members: dict[str, Any]) -> Served:
    return Served({PATH: {"Temperatures": list(members)}})


def test_a_shifted_index_is_noticed_by_its_name() -> None:
    assert run(read_choice(CHOICE, "inlet_temp"), held(member("CPU Temp", 60), member("Inlet Temp", 23))).value == 23.0


def test_a_renamed_sensor_has_moved() -> None:
    with pytest.raises(SensorMoved, match="no 'Inlet Temp' any more"):
        run(read_choice(CHOICE, "inlet_temp"), held(member("CPU Temp", 60)))


def test_a_resource_that_is_gone_has_moved() -> None:
    with pytest.raises(SensorMoved, match="gone"):
        run(read_choice(CHOICE, "inlet_temp"), Served({}))


@pytest.mark.parametrize("value", [None, 0, "", "NaN", 200])
def test_a_sensor_without_a_value_says_so(value: object) -> None:
    with pytest.raises(SensorError, match="no usable value now"):
        run(read_choice(CHOICE, "inlet_temp"), held(member("Inlet Temp", value)))


def test_the_sample_time_of_the_bmc_is_used_where_it_gives_one() -> None:
    reading = run(read_choice(CHOICE, "inlet_temp"), held(member("Inlet Temp", 23, ReadingTime="2026-01-02T03:04:05Z")))
    assert reading.time is not None
    assert reading.time.isoformat() == "2026-01-02T03:04:05+00:00"
