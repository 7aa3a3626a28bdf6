"""Trees as BMCs of further vendors have them: names that tell nothing, tags that lie, values in other places."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.bmc_trees import CHASSIS, POWER, inlet, member, metrics, powered, sensors, thermal
from tests.wao_predict.redfish.captures import Served
from wao_predict.flow import run
from wao_predict.redfish.discovery import discover
from wao_predict.redfish.poll import read_choice


def test_a_board_whose_every_sensor_is_tagged_intake_has_no_inlet_without_a_name() -> None:
    """Gigabyte with AMI's firmware: the drive's ambient is no inlet either."""
    names = ["CPU0_TEMP", "CPU1_TEMP", "DIMMG0_TEMP", "MB_TEMP1", "MB_TEMP2", "VR_P0_TEMP", "M2_G0_AMB_TEMP"]
    assert inlet(thermal(*(member(name, 30 + at, "Intake") for at, name in enumerate(names)))) is None


def test_few_sensors_tagged_intake_mean_nothing_when_a_cpu_is_among_them() -> None:
    assert inlet(thermal(member("CPU0_TEMP", 40, "Intake"), member("MB_TEMP1", 37, "Intake"))) is None
    held = thermal(member("CPU0_TEMP", 40, "Intake"), member("MLB_INLET_TEMP", 24, "Intake"), member("MLB", 28))
    assert inlet(held) == (f"{CHASSIS}/Thermal#/Temperatures/1", 24.0)


def test_an_ambient_sensor_tagged_cpu_like_all_others_is_taken() -> None:
    names = ["CPU1 Temp", "PCH Temp", "P1-DIMMA1 Temp", "VRM Temp", "Ambient Temp"]
    held = thermal(*(member(name, 50 - 6 * at, "CPU") for at, name in enumerate(names)))
    assert inlet(held) == (f"{CHASSIS}/Thermal#/Temperatures/4", 26.0)


def test_an_ambient_sensor_that_is_tagged_room_is_taken_when_there_is_no_other() -> None:
    held = thermal(member("CPU 1", 50, "CPU"), member("Ambient Temp", 24, "Room"))
    assert inlet(held) == (f"{CHASSIS}/Thermal#/Temperatures/1", 24.0)


def test_water_is_no_air() -> None:
    assert inlet(thermal(member("Inlet Temp", 30, "LiquidInlet"), member("CPU", 50, "CPU"))) is None


def test_a_name_that_says_nothing_is_read_with_its_description() -> None:
    held = sensors(
        ("1", {"Name": "Temp 1", "Reading": 52, "Description": "Processor 1"}),
        ("2", {"Name": "Temp 2", "Reading": 23, "Description": "Ambient temperature"}),
        ("3", {"Name": "Temp 3", "Reading": 33, "Description": "Exhaust"}),
    )
    assert inlet(held) == (f"{CHASSIS}/Sensors/2", 23.0)


def test_a_service_label_gives_the_place() -> None:
    label = {"Location": {"PartLocation": {"ServiceLabel": "Air Inlet"}}}
    held = sensors(("t0", {"Name": "t0", "Reading": 45}), ("t1", {"Name": "t1", "Reading": 22, **label}))
    assert inlet(held) == (f"{CHASSIS}/Sensors/t1", 22.0)


def test_a_description_that_all_sensors_have_says_nothing() -> None:
    same = {"Description": "Ambient environment sensor"}
    held = sensors(*((str(at), {"Name": f"Temp {at}", "Reading": 20 + at, **same}) for at in range(8)))
    assert inlet(held) is None


def test_a_description_that_all_sensors_have_spoils_nothing() -> None:
    """It speaks of the status and the power of the sensor, which is no place; the context tells the inlet."""
    same = {"Description": "Status of the temperature sensor while power is on"}
    tagged = [("Temp 1", 50, "CPU"), ("Temp 2", 23, "Intake"), ("Temp 3", 35, "Exhaust")]
    assert inlet(thermal(*(member(*sensor, **same) for sensor in tagged))) == (
        f"{CHASSIS}/Thermal#/Temperatures/1",
        23.0,
    )


def test_the_summarys_intake_is_taken_where_it_names_no_sensor() -> None:
    held = metrics(TemperatureSummaryCelsius={"Intake": {"Reading": 21.5}, "Exhaust": {"Reading": 35}})
    where = f"{CHASSIS}/ThermalSubsystem/ThermalMetrics"
    assert inlet(held) == (f"{where}#/TemperatureSummaryCelsius/Intake", 21.5)


def test_a_summarys_ambient_without_a_source_may_be_the_rooms() -> None:
    assert inlet(metrics(TemperatureSummaryCelsius={"Ambient": {"Reading": 21.5}})) is None


def test_a_reading_of_the_metrics_with_a_name_but_no_source_is_polled_there() -> None:
    listed = [{"DeviceName": "CPU 1", "Reading": 60}, {"DeviceName": "Front Inlet", "Reading": 23.0}]
    held = metrics(TemperatureReadingsCelsius=listed)
    path = f"{CHASSIS}/ThermalSubsystem/ThermalMetrics"
    found = run(discover(), Served(held)).inlet
    assert found is not None
    assert found.shown_uri == f"{path}#/TemperatureReadingsCelsius/1"
    held[path] = {"TemperatureReadingsCelsius": [{"DeviceName": "Fan", "Reading": 1}, *listed]}
    assert run(read_choice(found, "inlet_temp"), Served(held)).value == 23.0


def test_a_blade_is_read_at_its_own_chassis() -> None:
    held = thermal(member("CPU1 Temp", 55, "CPU"), member("Inlet", 27, "Intake"))
    held[CHASSIS]["ChassisType"] = "Blade"
    held["/redfish/v1/Chassis"]["Members"].insert(0, {"@odata.id": "/redfish/v1/Chassis/enc0"})
    held["/redfish/v1/Chassis/enc0"] = {
        "ChassisType": "Enclosure",
        "Thermal": {"@odata.id": "/redfish/v1/Chassis/enc0/Thermal"},
    }
    held["/redfish/v1/Chassis/enc0/Thermal"] = {"Temperatures": [member("Ambient Temp", 19, "Intake")]}
    assert inlet(held) == (f"{CHASSIS}/Thermal#/Temperatures/1", 27.0)


@pytest.mark.parametrize(
    ("held", "pointer", "right"),
    [
        (powered(PowerControl=[{"Name": "System Power Control", "PowerConsumedWatts": 310}]), "/PowerControl/0", 310.0),
        (
            powered(Oem={"ts_fujitsu": {"ChassisPowerConsumption": {"CurrentPowerConsumptionW": 188}}}),
            "/Oem/ts_fujitsu/ChassisPowerConsumption",
            188.0,
        ),
        (
            powered(
                PowerControl=[{"Name": "DedicatePowerSupplies", "PowerMetrics": {"AverageConsumedWatts": 176}}],
                PowerSupplies=[{"PowerInputWatts": 84}, {"PowerInputWatts": 88}, {"Status": {"State": "Absent"}}],
            ),
            "/PowerSupplies",
            172.0,
        ),
        (powered(PowerSupplies=[{"PowerInputWatts": 84}, {"PowerInputWatts": None}]), None, None),
        (powered(PowerSupplies=[{"LastPowerOutputWatts": 84}]), None, None),
        (powered({"ChassisType": "Blade"}, PowerSupplies=[{"PowerInputWatts": 900}]), None, None),
        (
            powered(
                {"Links": {"ComputerSystems": [{"@odata.id": f"/redfish/v1/Systems/{at}"} for at in (1, 2)]}},
                PowerSupplies=[{"PowerInputWatts": 900}],
            ),
            None,
            None,
        ),
    ],
)
def test_the_servers_power_is_found_and_polled(held: dict[str, Any], pointer: str | None, right: float | None) -> None:
    served = Served(held)
    found = run(discover(), served).power
    if pointer is None:
        assert found is None
        return
    assert found is not None
    assert (found.shown_uri, found.value) == (f"{POWER}#{pointer}", right)
    assert run(read_choice(found, "power_watts"), served).value == right


def test_a_power_sensor_without_more_of_a_name_is_the_servers() -> None:
    held = sensors(("Power", {"Name": "Power Consumption Monitor", "Reading": 196, "ReadingType": "Power"}))
    found = run(discover(), Served(held)).power
    assert found is not None
    assert (found.uri, found.value) == (f"{CHASSIS}/Sensors/Power", 196.0)
