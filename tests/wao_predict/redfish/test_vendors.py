"""Whole trees in the manner of further vendors' BMCs: what is found, where, and that a poll then reads the same."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.fakes.bmc_trees import CHASSIS, inlet, member, metrics, powered, rack, sensors, thermal
from tests.wao_predict.redfish.captures import Served
from wao_predict import SensorError
from wao_predict.flow import Request, Response, run
from wao_predict.redfish.discovery import Discovery, discover
from wao_predict.redfish.poll import SensorMoved, read_choice

METRICS = f"{CHASSIS}/ThermalSubsystem/ThermalMetrics"


def linked(path: str) -> dict[str, str]:
    return {"@odata.id": path}


def find(held: dict[str, Any]) -> Discovery:
    return run(discover(), Served(held))


def temperature(name: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"Name": name, "Reading": value, "ReadingType": "Temperature", "ReadingUnits": "Cel", **more}


# --- whole servers -----------------------------------------------------------------------------------------------


def xcc3() -> dict[str, Any]:
    """Lenovo's XCC3: no Thermal, ids that tell nothing, the summary and EnvironmentMetrics name the ambient sensor."""
    held = sensors(
        ("110L0", temperature("CPU 1 Temp", 47, PhysicalContext="CPU", ReadingUnits="C")),
        ("128L0", temperature("Ambient Temp", 19, PhysicalContext="Intake", ReadingUnits="C")),
        ("129L0", temperature("Exhaust Temp", 31, PhysicalContext="Exhaust", ReadingUnits="C")),
        ("240L0", temperature("DIMM 1 Temp", 30, PhysicalContext="Memory", ReadingUnits="C")),
    )
    source = f"{CHASSIS}/Sensors/128L0"
    held[CHASSIS] |= {
        "ThermalSubsystem": linked(f"{CHASSIS}/ThermalSubsystem"),
        "EnvironmentMetrics": linked(f"{CHASSIS}/EnvironmentMetrics"),
    }
    return held | {
        f"{CHASSIS}/ThermalSubsystem": {"ThermalMetrics": linked(METRICS)},
        METRICS: {"TemperatureSummaryCelsius": {"Intake": {"Reading": 19, "DataSourceUri": source}}},
        f"{CHASSIS}/EnvironmentMetrics": {
            "TemperatureCelsius": {"Reading": 19, "DataSourceUri": source},
            "PowerWatts": {"Reading": 700},
        },
    }


def cimc() -> dict[str, Any]:
    """Cisco's CIMC: numbers as text, no contexts, the front is the inlet, the riser's inlet is not."""
    held = thermal(
        member("P1_TEMP_SENS", "47.0"),
        member("RISER1_INLET_TMP", "31"),
        member("TEMP_SENS_FRONT", "25.5"),
        member("TEMP_SENS_REAR", "36"),
        member("PSU1_TEMP", "28"),
    )
    held[CHASSIS]["Power"] = linked(f"{CHASSIS}/Power")
    held[f"{CHASSIS}/Power"] = {
        "PowerControl": [{"Name": "PowerControl", "PowerConsumedWatts": "221", "PhysicalContext": "PowerSupply"}]
    }
    return held


def irmc() -> dict[str, Any]:
    """Fujitsu's iRMC: the inlets of a power supply and of the server, the power in the vendor's own property."""
    held = thermal(
        member("Ambient", 24, "Intake"),
        member("Systemboard 1", 29, "SystemBoard"),
        member("CPU1", 43, "CPU"),
        member("PSU1 Inlet", 22, "PowerSupply"),
        member("PSU2 Inlet", 0, "PowerSupply", Status={"State": "Absent"}),
    )
    held[CHASSIS]["Power"] = linked(f"{CHASSIS}/Power")
    held[f"{CHASSIS}/Power"] = {
        "PowerControl": [{"Name": "Power Control", "PowerConsumedWatts": None}],
        "Oem": {"ts_fujitsu": {"ChassisPowerConsumption": {"CurrentPowerConsumptionW": 188}}},
    }
    return held


def ibmc() -> dict[str, Any]:
    """Huawei's iBMC: names in its own words, absent ones null."""
    held = thermal(
        member("Inlet Temp", 21, "Intake"),
        member("Outlet Temp", None, "Exhaust", Status={"State": "Absent"}),
        member("CPU1 Core Rem", 42, "CPU"),
        member("CPU1 DTS", -50, "CPU"),
        member("Disks Temp", 27),
    )
    held[CHASSIS]["Power"] = linked(f"{CHASSIS}/Power")
    held[f"{CHASSIS}/Power"] = {
        "PowerControl": [{"Name": "System Power Control 1", "PowerConsumedWatts": 164}],
        "PowerSupplies": [{"PowerInputWatts": 84}, {"PowerInputWatts": 88}],
    }
    return held


def openbmc_ibm() -> dict[str, Any]:
    """A POWER server's OpenBMC: Sensors with the bus' names, several probes at the front, a sensor of all power."""
    return sensors(
        ("temperature_pcie", temperature("pcie", 40)),
        ("temperature_ambient", temperature("ambient", 23.5)),
        ("temperature_dimm0", temperature("dimm0", 34)),
        ("voltage_ps0_input", {"Name": "ps0 input voltage", "Reading": 230, "ReadingUnits": "V"}),
        ("power_ps0_input", {"Name": "ps0 input power", "Reading": 250, "ReadingUnits": "W"}),
        ("power_total_power", {"Name": "total power", "Reading": 505, "ReadingUnits": "W", "ReadingType": "Power"}),
    )


def twin() -> dict[str, Any]:
    """A node of a twin: its own chassis has the inlet, the enclosure has the supplies and a warmer ambient."""
    held = thermal(member("CPU1 Temp", 55, "CPU"), member("Inlet Temp", 26, "Intake"))
    held[CHASSIS] |= {"ChassisType": "Sled", "Power": linked(f"{CHASSIS}/Power")}
    held[f"{CHASSIS}/Power"] = {
        "PowerControl": [{"Name": "Node Power", "PowerConsumedWatts": 240}],
        "PowerSupplies": [{"PowerInputWatts": 900}],
    }
    held["/redfish/v1/Chassis"]["Members"].append(linked("/redfish/v1/Chassis/Twin"))
    held["/redfish/v1/Chassis/Twin"] = {
        "ChassisType": "Enclosure",
        "Thermal": linked("/redfish/v1/Chassis/Twin/Thermal"),
        "Power": linked("/redfish/v1/Chassis/Twin/Power"),
        "Links": {"ComputerSystems": [linked(f"/redfish/v1/Systems/{number}") for number in range(1, 5)]},
    }
    held["/redfish/v1/Chassis/Twin/Thermal"] = {"Temperatures": [member("Ambient Temp", 29, "Intake")]}
    held["/redfish/v1/Chassis/Twin/Power"] = {"PowerControl": [{"PowerConsumedWatts": 1800}]}
    return held


def inspur() -> dict[str, Any]:
    """Underscores, an outlet, a supply's inlet that is cooler, a power meter among the sensors."""
    held = sensors(
        ("Inlet_Temp", temperature("Inlet_Temp", 23)),
        ("Outlet_Temp", temperature("Outlet_Temp", 33)),
        ("PSU_Inlet_Temp", temperature("PSU_Inlet_Temp", 22)),
        ("CPU0_Power", {"Name": "CPU0_Power", "Reading": 90, "ReadingUnits": "W"}),
        ("Total_Power", {"Name": "Total_Power", "Reading": 310, "ReadingUnits": "W"}),
    )
    return held


SERVERS = {
    "Lenovo XCC3": (xcc3(), ("/Sensors/128L0", 19.0), ("/EnvironmentMetrics#/PowerWatts", 700.0)),
    "Cisco CIMC": (cimc(), ("/Thermal#/Temperatures/2", 25.5), ("/Power#/PowerControl/0", 221.0)),
    "Fujitsu iRMC": (
        irmc(),
        ("/Thermal#/Temperatures/0", 24.0),
        ("/Power#/Oem/ts_fujitsu/ChassisPowerConsumption", 188.0),
    ),
    "Huawei iBMC": (ibmc(), ("/Thermal#/Temperatures/0", 21.0), ("/Power#/PowerControl/0", 164.0)),
    "IBM OpenBMC": (openbmc_ibm(), ("/Sensors/temperature_ambient", 23.5), ("/Sensors/power_total_power", 505.0)),
    "a twin's node": (twin(), ("/Thermal#/Temperatures/1", 26.0), ("/Power#/PowerControl/0", 240.0)),
    "Inspur": (inspur(), ("/Sensors/Inlet_Temp", 23.0), ("/Sensors/Total_Power", 310.0)),
}


@pytest.mark.parametrize("vendor", SERVERS)
def test_inlet_and_power_of_whole_servers(vendor: str) -> None:
    held, temperature_there, power_there = SERVERS[vendor]
    served = Served(held)
    found = run(discover(), served)
    assert found.inlet is not None
    assert found.power is not None
    assert (found.inlet.shown_uri.removeprefix(CHASSIS), found.inlet.value) == temperature_there
    assert (found.power.shown_uri.removeprefix(CHASSIS), found.power.value) == power_there
    assert run(read_choice(found.inlet, "inlet_temp"), served).value == found.inlet.value
    assert run(read_choice(found.power, "power_watts"), served).value == found.power.value


# --- names that tell nothing -------------------------------------------------------------------------------------


def test_nameless_sensors_seen_twice_are_not_too_many_intakes() -> None:
    """The same three probes stand in Thermal and in Sensors: that is three tagged Intake, not six."""
    tagged = [("Temp 1", 52, "CPU"), ("Temp 2", 23, "Intake"), ("Temp 3", 24, "Intake"), ("Temp 4", 25, "Intake")]
    held = sensors(
        *(
            (str(at), temperature(name, value, PhysicalContext=context))
            for at, (name, value, context) in enumerate(tagged)
        )
    )
    held[CHASSIS]["Thermal"] = linked(f"{CHASSIS}/Thermal")
    held[f"{CHASSIS}/Thermal"] = {"Temperatures": [member(*sensor) for sensor in tagged]}
    found = inlet(held)
    assert found is not None
    assert found[1] == 23.0


def test_a_nameless_member_of_thermal_that_the_summary_names_is_the_inlet() -> None:
    held = metrics(
        TemperatureSummaryCelsius={"Intake": {"Reading": 22, "DataSourceUri": f"{CHASSIS}/Thermal#/Temperatures/1"}}
    )
    held[CHASSIS]["Thermal"] = linked(f"{CHASSIS}/Thermal")
    held[f"{CHASSIS}/Thermal"] = {"Temperatures": [member("Temp 1", 50), member("Temp 2", 22), member("Temp 3", 35)]}
    assert inlet(held) == (f"{CHASSIS}/Thermal#/Temperatures/1", 22.0)


@pytest.mark.parametrize("state", [None, {"Name": "Temp 2", "Reading": None}, {"Status": {"State": "Disabled"}}])
def test_a_summary_whose_sensor_cannot_be_read_is_polled_itself(state: dict[str, Any] | None) -> None:
    source = f"{CHASSIS}/Sensors/2"
    held = metrics(TemperatureSummaryCelsius={"Intake": {"Reading": 22, "DataSourceUri": source}})
    if state is not None:
        held[source] = state
    assert inlet(held) == (f"{METRICS}#/TemperatureSummaryCelsius/Intake", 22.0)


def test_a_summary_that_names_a_processor_or_water_is_not_believed() -> None:
    for name in ("CPU1 Temp", "Inlet Water Temp"):
        source = f"{CHASSIS}/Sensors/2"
        held = metrics(TemperatureSummaryCelsius={"Intake": {"Reading": 30, "DataSourceUri": source}})
        held[source] = temperature(name, 30)
        assert inlet(held) is None


def test_readings_of_the_metrics_without_names_are_known_by_their_context() -> None:
    held = metrics(
        TemperatureReadingsCelsius=[
            {"Reading": 61, "PhysicalContext": "CPU"},
            {"Reading": 24, "PhysicalContext": "Intake"},
            {"Reading": 36, "PhysicalContext": "Exhaust"},
        ]
    )
    assert inlet(held) == (f"{METRICS}#/TemperatureReadingsCelsius/1", 24.0)


def test_environment_metrics_alone_give_no_inlet() -> None:
    """Its temperature is that of any place in the chassis: on DMTF's own sample, a processor's."""
    held = rack(EnvironmentMetrics=linked(f"{CHASSIS}/EnvironmentMetrics"))
    held[f"{CHASSIS}/EnvironmentMetrics"] = {"TemperatureCelsius": {"Reading": 44}, "PowerWatts": {"Reading": 120}}
    found = find(held)
    assert found.inlet is None
    assert found.power is not None
    assert found.power.value == 120.0


@pytest.mark.parametrize(
    "name", ["Exhaust Temp", "CPU1 Temp", "PSU1 Inlet", "Coolant Inlet", "GPU Inlet", "Rear Ambient"]
)
def test_other_places_do_not_win_even_alone_and_tagged_intake(name: str) -> None:
    assert inlet(thermal(member(name, 23, "Intake"))) is None


def test_a_collection_goes_on_where_its_next_link_says() -> None:
    for key in ("Members@odata.nextLink", "@odata.nextLink"):
        held = sensors(("a", temperature("CPU", 50)))
        held[f"{CHASSIS}/Sensors"][key] = f"{CHASSIS}/Sensors?$skip=1"
        held[f"{CHASSIS}/Sensors?$skip=1"] = {"Members": [linked(f"{CHASSIS}/Sensors/Inlet_Temp")]}
        held[f"{CHASSIS}/Sensors/Inlet_Temp"] = temperature("Inlet Temp", 22)
        assert inlet(held) == (f"{CHASSIS}/Sensors/Inlet_Temp", 22.0)


@pytest.mark.parametrize("next_link", [f"{CHASSIS}/Sensors", f"{CHASSIS}/Sensors/", {"@odata.id": "x"}, ["x"], 7])
def test_a_collection_whose_next_page_is_itself_or_none_ends(next_link: object) -> None:
    held = sensors(("Inlet_Temp", temperature("Inlet Temp", 22)))
    held[f"{CHASSIS}/Sensors"]["Members@odata.nextLink"] = next_link
    assert inlet(held) == (f"{CHASSIS}/Sensors/Inlet_Temp", 22.0)


# --- paths as the BMC writes them --------------------------------------------------------------------------------


class Strict(Served):
    """A BMC that knows its resources with a slash at the end only, and sends others there."""

    def __init__(self, held: dict[str, Any], *, origin: str = "https://bmc", absolute: bool = False) -> None:
        super().__init__(held)
        self.origin, self.absolute = origin, absolute
        self.redirects = 0

    def send(self, request: Request) -> Response:
        if request.url.endswith("/"):
            return super().send(request)
        self.requests.append(request)
        self.redirects += 1
        place = f"{self.origin if self.absolute else ''}{request.url}/"
        return Response(308, b"", {"location": place}, f"https://bmc{request.url}")


@pytest.mark.parametrize("absolute", [False, True])
def test_a_redirect_to_the_same_path_with_a_slash_is_followed_once_and_not_at_each_poll(absolute: bool) -> None:
    served = Strict(thermal(member("Inlet Temp", 22, "Intake")), absolute=absolute)
    found = run(discover(), served).inlet
    assert found is not None
    assert found.shown_uri == f"{CHASSIS}/Thermal#/Temperatures/0"
    asked = len(served.paths)
    assert run(read_choice(found, "inlet_temp"), served).value == 22.0
    assert served.paths[asked:] == [f"{CHASSIS}/Thermal/"]


def test_a_path_is_asked_for_as_it_is_linked() -> None:
    held = thermal(member("Inlet Temp", 22, "Intake"))
    held["/redfish/v1"] = {name: linked(f"/redfish/v1/{name}/") for name in ("Systems", "Chassis")}
    held["/redfish/v1/Systems"] = {"Members": [linked("/redfish/v1/Systems/1/")]}
    held["/redfish/v1/Systems/1"]["Links"] = {"Chassis": [linked(f"{CHASSIS}/")]}
    held["/redfish/v1/Chassis"] = {"Members": [linked(f"{CHASSIS}/")]}
    held[CHASSIS]["Thermal"] = linked(f"{CHASSIS}/Thermal/")
    served = Strict(held)
    found = run(discover(), served).inlet
    assert found is not None
    assert (found.shown_uri, served.redirects) == (f"{CHASSIS}/Thermal#/Temperatures/0", 0)


@pytest.mark.parametrize(
    "place", ["https://evil.example", "http://bmc", "https://bmc:444", "//evil.example", "https://[::1"]
)
def test_a_redirect_to_another_origin_is_not_followed(place: str) -> None:
    served = Strict(thermal(member("Inlet Temp", 22, "Intake")), origin=place, absolute=True)
    assert run(discover(), served).inlet is None
    assert all(not urlsplit(path).netloc for path in served.paths)


# --- power -------------------------------------------------------------------------------------------------------


def subsystem(*supplies: dict[str, Any] | None) -> dict[str, Any]:
    """Return a BMC whose power is only in the metrics of the power supplies; None is an empty bay."""
    base = f"{CHASSIS}/PowerSubsystem"
    held = rack(PowerSubsystem=linked(base), Links={"ComputerSystems": [linked("/redfish/v1/Systems/1")]})
    held[base] = {"PowerSupplies": linked(f"{base}/PowerSupplies")}
    held[f"{base}/PowerSupplies"] = {
        "Members": [linked(f"{base}/PowerSupplies/{number}") for number in range(len(supplies))]
    }
    for number, supply in enumerate(supplies):
        path = f"{base}/PowerSupplies/{number}"
        held[path] = {"Status": {"State": "Absent"}} if supply is None else {"Metrics": linked(f"{path}/Metrics")}
        if supply is not None:
            held[f"{path}/Metrics"] = supply
    return held


def test_supplies_with_metrics_of_their_own_are_added_up() -> None:
    held = subsystem({"InputPowerWatts": {"Reading": 120.5}}, {"InputPowerWatts": {"Reading": 118}}, None)
    served = Served(held)
    found = run(discover(), served).power
    assert found is not None
    assert (found.shown_uri, found.value) == (f"{CHASSIS}/PowerSubsystem/PowerSupplies", 238.5)
    asked = len(served.paths)
    assert run(read_choice(found, "power_watts"), served).value == 238.5
    assert len(served.paths) - asked == 2
    first = f"{CHASSIS}/PowerSubsystem/PowerSupplies/0/Metrics"
    held[first] = {"InputPowerWatts": {"Reading": None}}
    with pytest.raises(SensorError, match="no usable value now"):
        run(read_choice(found, "power_watts"), served)
    del held[first]
    with pytest.raises(SensorMoved):
        run(read_choice(found, "power_watts"), served)


@pytest.mark.parametrize(
    "supplies",
    [
        (),
        (None,),
        ({"InputPowerWatts": {"Reading": 120}}, {"InputPowerWatts": {"Reading": 0}}),
        ({"InputPowerWatts": {"Reading": 120}}, {"OutputPowerWatts": {"Reading": 100}}),
        tuple({"InputPowerWatts": {"Reading": 120}} for _ in range(9)),
    ],
)
def test_a_sum_that_would_miss_a_supply_is_no_power(supplies: tuple[dict[str, Any] | None, ...]) -> None:
    assert find(subsystem(*supplies)).power is None


def test_supplies_that_feed_several_servers_are_not_added_up() -> None:
    held = subsystem({"InputPowerWatts": {"Reading": 900}})
    held[CHASSIS]["Links"]["ComputerSystems"].append(linked("/redfish/v1/Systems/2"))
    assert find(held).power is None


@pytest.mark.parametrize(
    ("controls", "right"),
    [
        ([("CPU Sub-system Power", 90), ("Memory Sub-system Power", 20), ("Server Power Control", 300)], 300.0),
        ([("CPU Power", 90), ("Memory Power", 20)], None),
        ([("GPU Power", 700)], None),
        ([("", 250), ("CPU Power", 90)], 250.0),
        ([("Power Control 1", 0), ("Chassis Power", 410)], 410.0),
        ([("System Power Control", "n/a")], None),
        ([("System Input Power", 251), ("System Output Power", 230)], 251.0),
    ],
)
def test_of_several_power_controls_the_servers_is_taken(
    controls: list[tuple[str, object]], right: float | None
) -> None:
    found = find(powered(PowerControl=[{"Name": name, "PowerConsumedWatts": value} for name, value in controls])).power
    assert (None if found is None else found.value) == right


def test_a_power_sensor_whose_id_says_nothing_is_known_by_its_name_when_it_was_read_anyway() -> None:
    held = sensors(
        ("1", temperature("Temp 1", 40)),
        ("2", {"Name": "CPU Power", "Reading": 95, "ReadingType": "Power", "ReadingUnits": "W"}),
        ("3", {"Name": "Total System Power", "Reading": 280, "ReadingType": "Power", "ReadingUnits": "W"}),
    )
    found = find(held).power
    assert found is not None
    assert (found.uri, found.value) == (f"{CHASSIS}/Sensors/3", 280.0)


def test_the_vendor_is_taken_from_the_root_where_nothing_else_names_it() -> None:
    held = thermal(member("Inlet Temp", 22))
    del held["/redfish/v1/Systems/1"]["Manufacturer"]
    held["/redfish/v1"]["Vendor"] = "Acme Root"
    assert find(held).vendor == "Acme Root"
