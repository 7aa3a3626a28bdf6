"""BMCs of public reports, each with the part of its answers that the report is about."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.bmc_trees import CHASSIS, inlet, member, metrics, powered, rack, sensors, thermal
from tests.wao_predict.redfish.captures import Served
from wao_predict import SensorError
from wao_predict.flow import run
from wao_predict.redfish.chassis import survey
from wao_predict.redfish.discovery import discover
from wao_predict.redfish.explorer import Explorer
from wao_predict.sensors.redfish import RedfishSensor

SYSTEM = "/redfish/v1/Systems/1"
OTHER = "/redfish/v1/Chassis/Other"


def power(held: dict[str, Any]) -> float | None:
    """Return the power that discovery takes; a poll must then read the same."""
    found = run(discover(), Served(held)).power
    if found is None:
        return None
    assert run(RedfishSensor("https://bmc", "power_watts").flow(), Served(held)).value == found.value
    return found.value


# --- links ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("write", [lambda path: path, lambda path: [path], lambda path: {"@odata.id": path}])
@pytest.mark.parametrize("side", ["Chassis", "ComputerSystems"])
def test_links_can_be_texts_and_single_objects(write: Any, side: str) -> None:
    """Cisco CIMC 4.0: https://github.com/influxdata/telegraf/issues/8418."""
    held = rack()
    held["/redfish/v1/Chassis"]["Members"].insert(0, {"@odata.id": OTHER})
    held[OTHER] = {"Id": "Other"}
    held[SYSTEM]["Links"] = {"Chassis": write(CHASSIS)} if side == "Chassis" else {}
    held[CHASSIS]["Links"] = {"ComputerSystems": write(SYSTEM)} if side == "ComputerSystems" else {}
    distances = {item.path: item.penalty for item in run(survey(Explorer()), Served(held)).chassis}
    assert distances == {CHASSIS: 0.0, OTHER: 1.0}


@pytest.mark.parametrize("link", [f"{CHASSIS}/Thermal", [{"@odata.id": f"{CHASSIS}/Thermal"}]])
def test_a_link_to_a_resource_can_be_a_text_or_in_an_array(link: Any) -> None:
    held = thermal(member("Inlet Temp", 22))
    held[CHASSIS]["Thermal"] = link
    assert inlet(held) == (f"{CHASSIS}/Thermal#/Temperatures/0", 22.0)


def test_members_of_collections_can_be_texts() -> None:
    held = thermal(member("Inlet Temp", 22))
    held["/redfish/v1/Chassis"]["Members"] = [CHASSIS]
    held["/redfish/v1/Systems"]["Members"] = [SYSTEM]
    assert inlet(held) == (f"{CHASSIS}/Thermal#/Temperatures/0", 22.0)


def test_a_text_that_leads_to_another_host_is_not_followed() -> None:
    held = thermal(member("Inlet Temp", 22))
    held[CHASSIS]["Thermal"] = "https://evil.example/redfish/v1/Chassis/1/Thermal"
    served = Served(held)
    assert run(discover(), served).inlet is None
    assert not any("evil" in path for path in served.paths)


def test_a_chassis_without_type_and_name_is_no_obstacle() -> None:
    """The SmartNIC of Supermicro GB200: https://github.com/dsx-ai-factory/infra-controller/issues/3715."""
    held = thermal(member("Inlet Temp", 24))
    nic = "/redfish/v1/Chassis/SmartNIC"
    held["/redfish/v1/Chassis"]["Members"].insert(0, {"@odata.id": nic})
    held[nic] = {"Thermal": {"@odata.id": f"{nic}/Thermal"}}
    held[f"{nic}/Thermal"] = {"Temperatures": [member("Inlet Temp", 55)]}
    assert inlet(held) == (f"{CHASSIS}/Thermal#/Temperatures/0", 24.0)


def test_the_enclosure_of_a_blade_is_not_the_blade() -> None:
    """HPE BL460c Gen10: https://github.com/bb-Ricardo/check_redfish/issues/110."""
    held, enclosure = thermal(), "/redfish/v1/Chassis/enclosurechassis"
    held["/redfish/v1/Chassis"]["Members"].append({"@odata.id": enclosure})
    held[enclosure] = {
        "ChassisType": "Enclosure",
        **{name: {"@odata.id": f"{enclosure}/{name}"} for name in ("Thermal", "Power")},
    }
    held[f"{enclosure}/Thermal"] = {"Temperatures": [member("Enclosure Ambient", 19)]}
    held[f"{enclosure}/Power"] = {"PowerControl": [{"Name": "Enclosure Power", "PowerConsumedWatts": 2900}]}
    found = run(discover(), Served(held))
    assert (found.inlet, found.power) == (None, None)


def test_a_backplane_without_thermal_is_no_obstacle() -> None:
    """Lenovo SR630: https://github.com/bb-Ricardo/check_redfish/issues/40."""
    held = thermal(member("Ambient Temp", 23))
    held["/redfish/v1/Chassis"]["Members"].append({"@odata.id": "/redfish/v1/Chassis/3"})
    held["/redfish/v1/Chassis/3"] = {"Id": "3", "Name": "Backplane", "SerialNumber": "x"}
    assert inlet(held) == (f"{CHASSIS}/Thermal#/Temperatures/0", 23.0)


# --- temperatures --------------------------------------------------------------------------------------------------

AMBIENT = {"Ambient_0_Temp": 25.3, "Ambient_1_Temp": 25.9, "Ambient_2_Temp": 25.1}
READINGS = {**AMBIENT, "PCIE_0_Temp": 26.4, "ps0_temp0": 22.0}


def openbmc(*, with_sensors: bool) -> dict[str, Any]:
    """Return ThermalMetrics of bmcweb, whose excerpts have no DeviceName."""
    uris = {f"{CHASSIS}/Sensors/temperature_{name}": (name, value) for name, value in READINGS.items()}
    excerpts = [{"DataSourceUri": uri, "Reading": value} for uri, (_, value) in uris.items()]
    held = metrics(TemperatureReadingsCelsius=excerpts)
    if with_sensors:
        for uri, (name, value) in uris.items():
            held[uri] = {"Name": name.replace("_", " "), "Reading": value, "ReadingType": "Temperature"}
    return held


def test_excerpts_without_a_device_name_are_known_by_their_sensor() -> None:
    """IBM Power: https://github.com/ibm-openbmc/bmcweb/pull/1091."""
    assert inlet(openbmc(with_sensors=True)) == (f"{CHASSIS}/Sensors/temperature_Ambient_2_Temp", 25.1)


def test_an_excerpt_without_a_readable_sensor_is_found_again_at_another_place() -> None:
    held = openbmc(with_sensors=False)
    excerpts = held[f"{CHASSIS}/ThermalSubsystem/ThermalMetrics"]["TemperatureReadingsCelsius"]
    sensor = RedfishSensor("https://bmc")
    assert run(sensor.flow(), Served(held)).value == 25.1
    excerpts.insert(0, {"DataSourceUri": f"{CHASSIS}/Sensors/temperature_New_Temp", "Reading": 60.0})
    assert run(sensor.flow(), Served(held)).value == 25.1


def test_the_inlet_of_a_power_supply_is_not_the_servers() -> None:
    """https://github.com/ibm-openbmc/bmcweb/pull/561."""
    source = f"{CHASSIS}/Sensors/psu_inlet"
    excerpt = {"DataSourceUri": source, "DeviceName": "psu_inlet", "Reading": 28.25}
    assert inlet(metrics(TemperatureReadingsCelsius=[excerpt])) is None


@pytest.mark.parametrize(
    ("temperatures", "right"),
    [
        ([("MB_INLET_TEMP_C", 35), ("FIO_FRONT_TEMP_C", 28), ("MB_OUTLET_TEMP_C", 46)], "/Temperatures/1"),
        ([("MC_Inlet Temp_C", 26), ("MC_Outlet Temp_C", 27), ("MC_PU4 Temp_C", 29)], "/Temperatures/0"),
        ([("FAN0_INLET_PWM", 29), ("CPU_TEMP", 50)], None),
        ([("Chassis Thermal Sensor 1 Temperature", 30), ("Chassis Thermal Sensor 2 Temperature", 33)], None),
    ],
)
def test_names_of_open_firmware(temperatures: list[tuple[str, float]], right: str | None) -> None:
    """OpenBIC (https://github.com/facebook/OpenBIC/pull/1181), OpenBMC, and Celestica with PSME."""
    found = inlet(thermal(*(member(name, value) for name, value in temperatures)))
    assert (None if found is None else found[0].partition("#")[2]) == right


# --- power ---------------------------------------------------------------------------------------------------------


def test_power_metrics_in_an_array_limit_the_power_too() -> None:
    """Cisco UCS: https://github.com/Comcast/fishymetrics/issues/147."""
    control = {"Name": "Power", "PowerMetrics": [{"MaxConsumedWatts": 300, "AverageConsumedWatts": 200}]}
    assert power(powered(PowerControl=[{**control, "PowerConsumedWatts": 221}])) == 221.0
    assert power(powered(PowerControl=[{**control, "PowerConsumedWatts": 900}])) is None


def test_a_server_without_a_power_meter_has_no_power() -> None:
    """HP DL320e Gen8: https://github.com/mrlhansen/idrac_exporter/issues/116."""
    zeros: dict[str, Any] = {"PowerCapacityWatts": 0, "PowerConsumedWatts": 0, "PowerMetrics": {"MaxConsumedWatts": 0}}
    supplies = [{"Name": "HpServerPowerSupply", "LastPowerOutputWatts": 0}]
    assert power(powered(**zeros, PowerControl=[zeros], PowerSupplies=supplies)) is None


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0)])
def test_the_power_of_sub_systems_is_not_the_servers(order: tuple[int, ...]) -> None:
    """Lenovo HX3720, four nodes in one chassis: https://github.com/bb-Ricardo/check_redfish/pull/79."""
    watts = {"Server Power Control": 263, "CPU Sub-system Power": 155, "Memory Sub-system Power": 49}
    controls = [{"Name": name, "PowerConsumedWatts": value} for name, value in watts.items()]
    assert power(powered(PowerControl=[controls[at] for at in order])) == 263.0
    assert power(powered(PowerControl=controls[1:])) is None


def test_outputs_of_power_supplies_are_not_the_power() -> None:
    """Quanta T41S-2U through RackHD: https://github.com/RackHD/RackHD/pull/674."""
    supplies = [{"Name": "PS1 Power In (0x54)", "LastPowerOutputWatts": 420}]
    assert power(powered(PowerControl=[], PowerSupplies=supplies)) is None


def supply_sensors(**readings: Any) -> dict[str, Any]:
    """Return an OpenBMC with Sensors of these ids [W], and further ones."""
    found = [
        (name, {"Name": name.replace("_", " "), "Reading": value, "ReadingType": "Power", "ReadingUnits": "W"})
        for name, value in readings.items()
    ]
    return sensors(*found, ("ps0_output_current", {"Name": "ps0 output current", "Reading": 3, "ReadingUnits": "A"}))


@pytest.mark.parametrize(
    ("readings", "watts"),
    [
        ({"ps0_input_power": 180.0, "ps1_input_power": 190.0}, 370.0),
        ({"power_PSU0_Input_Power": 180.0, "power_PSU1_Input_Power": 0.0}, 180.0),  # one at rest
        ({"ps0_input_power": 180.0, "ps0_output_power": 165.0, "ps0_input_power_max": 400.0}, 180.0),
        ({"PSU.Slot.1_InputPower": 180.0, "PSU.Slot.1_OutputPower": 165.0}, 180.0),  # iDRAC10: idrac_exporter#202
        ({"ps0_input_power": 180.0, "ps1_input_power": None}, None),
        ({"ps0_input_power": 180.0, "ps1_input_power": -12.0}, None),
        ({"ps0_input_power": 0.0, "ps1_input_power": 0.0}, None),
        ({"ps0_output_power": 165.0}, None),
        ({"total_power": 352.0, "ps0_input_power": 180.0, "ps1_input_power": 190.0}, 352.0),
        ({f"ps{at}_input_power": 100.0 for at in range(12)}, None),
    ],
)
def test_the_inputs_of_the_supplies_are_added_up_where_there_is_no_total(
    readings: dict[str, Any], watts: float | None
) -> None:
    """IBM Power: https://github.com/ibm-openbmc/dev/issues/1709, and negative: openbmc/openbmc#3179."""
    assert power(supply_sensors(**readings)) == watts


def test_the_supplies_of_an_enclosure_are_not_added_up() -> None:
    held = supply_sensors(ps0_input_power=180.0)
    held[CHASSIS]["ChassisType"] = "Blade"
    assert power(held) is None


def test_a_supply_without_a_value_makes_the_sum_missing() -> None:
    held = supply_sensors(ps0_input_power=180.0, ps1_input_power=190.0)
    sensor = RedfishSensor("https://bmc", "power_watts")
    assert run(sensor.flow(), Served(held)).value == 370.0
    held[f"{CHASSIS}/Sensors/ps1_input_power"]["Reading"] = None
    with pytest.raises(SensorError, match="ps1_input_power has no usable value now"):
        run(sensor.flow(), Served(held))
