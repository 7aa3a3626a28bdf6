"""Polling the one chosen resource: names before indexes, and what happens when it is gone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.bmc_trees import member, thermal
from tests.wao_predict.redfish.captures import Served
from wao_predict import SensorError
from wao_predict.flow import run
from wao_predict.redfish.choice import SensorChoice
from wao_predict.redfish.poll import SensorMoved, read_choice
from wao_predict.sensors.redfish import RedfishSensor

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


def test_the_bmcs_sample_time_is_taken_where_it_tells() -> None:
    reading = run(read_choice(CHOICE, "inlet_temp"), held(member("Inlet Temp", 23, ReadingTime="2026-01-02T03:04:05Z")))
    assert reading.time is not None
    assert reading.time.isoformat() == "2026-01-02T03:04:05+00:00"


def test_a_sensor_is_discovered_once_and_again_when_it_is_gone() -> None:
    documents = thermal(member("Inlet Temp", 22))
    served = Served(documents)
    sensor = RedfishSensor("https://bmc")
    assert run(sensor.flow(), served).value == 22.0
    asked = len(served.paths)
    assert run(sensor.flow(), served).value == 22.0
    assert len(served.paths) == asked + 1
    documents[PATH] = {"Temperatures": [member("CPU Temp", 60), member("01-Inlet Ambient", 25, "Intake")]}
    assert run(sensor.flow(), served).value == 25.0
    assert sensor.choice is not None
    assert sensor.choice.name == "01-Inlet Ambient"


def test_a_sensor_named_by_hand_needs_no_discovery() -> None:
    served = Served(thermal(member("Odd Name", 19)))
    sensor = RedfishSensor("https://bmc", uri=f"{PATH}#/Temperatures/0", name="Odd Name")
    assert run(sensor.flow(), served).value == 19.0
    assert served.paths == [PATH]


def test_a_sensor_named_by_hand_precedes_the_system_temperature_of_supermicro() -> None:
    held = thermal(member("System Temp", 30), member("Peripheral Temp", 33))
    held["/redfish/v1/Systems/1"]["Manufacturer"] = "Supermicro"
    by_itself = RedfishSensor("https://bmc")
    assert run(by_itself.flow(), Served(held)).value == 30.0
    by_name = RedfishSensor("https://bmc", name="Peripheral Temp")
    by_uri = RedfishSensor("https://bmc", uri=f"{PATH}#/Temperatures/1")
    assert [run(sensor.flow(), Served(held)).value for sensor in (by_name, by_uri)] == [33.0, 33.0]


def test_a_sensor_uri_without_a_name_is_read_at_its_place() -> None:
    held = thermal(member("Fan Temp", 40), member("Odd Name", 19))
    assert run(RedfishSensor("https://bmc", uri=f"{PATH}#/Temperatures/1").flow(), Served(held)).value == 19.0
    with pytest.raises(SensorError, match=f"{PATH} has no Temperatures/2"):
        run(RedfishSensor("https://bmc", uri=f"{PATH}#/Temperatures/2").flow(), Served(held))


def test_a_bmc_without_a_sure_inlet_asks_for_a_name() -> None:
    with pytest.raises(SensorError, match=r"set sensor\.uri or sensor\.name"):
        run(RedfishSensor("https://bmc").flow(), Served(thermal(member("System Temp", 30))))


def test_a_sensor_uri_elsewhere_is_refused() -> None:
    with pytest.raises(SensorError, match="under /redfish/"):
        RedfishSensor("https://bmc", uri="http://evil.example/x")
