"""The sensors of a BMC: discovered once, searched by name, or named by hand."""

from __future__ import annotations

import pytest

from tests.fakes.bmc_trees import CHASSIS, member, powered, sensors, thermal
from tests.wao_predict.redfish.captures import Served
from wao_predict import SensorError
from wao_predict.flow import run
from wao_predict.sensors.redfish import RedfishSensor


def test_a_sensor_is_discovered_once_and_again_when_it_is_gone() -> None:
    documents = thermal(member("Inlet Temp", 22))
    served = Served(documents)
    sensor = RedfishSensor("https://bmc")
    assert run(sensor.flow(), served).value == 22.0
    asked = len(served.paths)
    assert run(sensor.flow(), served).value == 22.0
    assert len(served.paths) == asked + 1
    documents[f"{CHASSIS}/Thermal"] = {
        "Temperatures": [member("CPU Temp", 60), member("01-Inlet Ambient", 25, "Intake")]
    }
    assert run(sensor.flow(), served).value == 25.0
    assert sensor.choice is not None
    assert sensor.choice.name == "01-Inlet Ambient"


def test_a_sensor_named_by_hand_needs_no_discovery() -> None:
    served = Served(thermal(member("Odd Name", 19)))
    sensor = RedfishSensor("https://bmc", uri=f"{CHASSIS}/Thermal#/Temperatures/0", name="Odd Name")
    assert run(sensor.flow(), served).value == 19.0
    assert served.paths == [f"{CHASSIS}/Thermal"]


def test_a_bmc_without_a_sure_inlet_asks_for_a_name() -> None:
    with pytest.raises(SensorError, match=r"set sensor\.uri or sensor\.name"):
        run(RedfishSensor("https://bmc").flow(), Served(thermal(member("System Temp", 30))))


def test_a_sensor_uri_elsewhere_is_refused() -> None:
    with pytest.raises(SensorError, match="under /redfish/"):
        RedfishSensor("https://bmc", uri="http://evil.example/x")


def test_a_sensor_named_by_hand_is_found_in_every_resource() -> None:
    held = thermal(member("TR1 Temp", 24), member("TR2 Temp", 40))
    sensor = RedfishSensor("https://bmc", name="TR1 Temp")
    assert run(sensor.flow(), Served(held)).value == 24.0
    held[f"{CHASSIS}/Thermal"]["Temperatures"] = [member("new", 50), *held[f"{CHASSIS}/Thermal"]["Temperatures"]]
    assert run(sensor.flow(), Served(held)).value == 24.0
    ids = sensors(("t0", {"Name": "Board", "Reading": 45}), ("t1", {"Name": "Other", "Reading": 22}))
    assert run(RedfishSensor("https://bmc", name="t1").flow(), Served(ids)).value == 22.0
    watts = powered(PowerControl=[{"Name": "A", "PowerConsumedWatts": 9}, {"Name": "B", "PowerConsumedWatts": 300}])
    assert run(RedfishSensor("https://bmc", "power_watts", name="B").flow(), Served(watts)).value == 300.0


def test_the_error_for_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(SensorError, match="has no sensor 'Inlett' with a value; there are CPU Temp, Inlet Temp"):
        run(
            RedfishSensor("https://bmc", name="Inlett").flow(),
            Served(thermal(member("Inlet Temp", 22), member("CPU Temp", 60))),
        )


def test_a_sensor_named_by_hand_precedes_the_system_temperature_of_supermicro() -> None:
    held = thermal(member("System Temp", 30), member("Peripheral Temp", 33))
    held["/redfish/v1/Systems/1"]["Manufacturer"] = "Supermicro"
    by_itself = RedfishSensor("https://bmc")
    assert run(by_itself.flow(), Served(held)).value == 30.0
    by_name = RedfishSensor("https://bmc", name="Peripheral Temp")
    by_uri = RedfishSensor("https://bmc", uri=f"{CHASSIS}/Thermal#/Temperatures/1")
    assert [run(sensor.flow(), Served(held)).value for sensor in (by_name, by_uri)] == [33.0, 33.0]


def test_a_sensor_uri_without_a_name_is_read_at_its_place() -> None:
    held = thermal(member("Fan Temp", 40), member("Odd Name", 19))
    assert (
        run(RedfishSensor("https://bmc", uri=f"{CHASSIS}/Thermal#/Temperatures/1").flow(), Served(held)).value == 19.0
    )
    with pytest.raises(SensorError, match=f"{CHASSIS}/Thermal has no Temperatures/2"):
        run(RedfishSensor("https://bmc", uri=f"{CHASSIS}/Thermal#/Temperatures/2").flow(), Served(held))
