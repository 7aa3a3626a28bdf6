"""Discovery on captures of real BMCs, and on what broken or hostile ones send."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.fakes.bmc_trees import member, rack, thermal
from tests.wao_predict.redfish.captures import NAMES, Served, documents, expected
from wao_predict import ProtocolError, RemoteError
from wao_predict.flow import Request, Response, run
from wao_predict.redfish.discovery import discover
from wao_predict.redfish.explorer import Bounds, decode
from wao_predict.redfish.poll import read_choice
from wao_predict.testing import MockTransport, json_response


@pytest.mark.parametrize("name", NAMES)
def test_the_inlet_is_right_on_every_capture(name: str) -> None:
    right = expected(name)
    found = run(discover(), Served(documents(name)))
    if right["inlet_temp_c"] is None:
        assert found.inlet is None
        return
    assert found.inlet is not None
    accepted = right.get("accept_values_c") or [right["inlet_temp_c"]]
    assert any(found.inlet.value == pytest.approx(value, abs=0.05) for value in accepted)
    assert found.inlet.shown_uri in {right["sensor_uri"], *right["accept_uris"]}
    assert found.inlet.confidence >= 0.5
    assert found.vendor is not None


@pytest.mark.parametrize("name", NAMES)
def test_the_power_is_right_on_every_capture(name: str) -> None:
    right = expected(name)
    found = run(discover(), Served(documents(name)))
    if right.get("power_w") is None:
        assert found.power is None
        return
    assert found.power is not None
    assert found.power.shown_uri.partition("#")[0] in {
        str(right["power_uri"]).partition("#")[0],
        right.get("power_alt_uri"),
    }
    assert found.power.value == pytest.approx(right["power_w"], rel=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_discovery_takes_few_requests(name: str) -> None:
    assert run(discover(), Served(documents(name))).requests <= 20


@pytest.mark.parametrize("name", [name for name in NAMES if expected(name)["inlet_temp_c"] is not None])
def test_what_was_found_is_then_read_with_one_request(name: str) -> None:
    served = Served(documents(name))
    found = run(discover(), served)
    assert found.inlet is not None
    asked = len(served.paths)
    reading = run(read_choice(found.inlet, "inlet_temp"), served)
    assert reading.value == found.inlet.value
    assert served.paths[asked:] == [found.inlet.uri]


VENDORS: dict[str, tuple[list[tuple[str, float, str | None]], str]] = {
    "Lenovo XCC": (
        [("CPU1 Temp", 45, "CPU"), ("Ambient Temp", 23, "Intake"), ("Exhaust Temp", 31, "Exhaust")],
        "Ambient Temp",
    ),
    "Fujitsu iRMC": (
        [
            ("Ambient", 24, "Intake"),
            ("Systemboard 1", 29, "SystemBoard"),
            ("CPU1", 43, "CPU"),
            ("PSU1 Inlet", 27, "PowerSupply"),
        ],
        "Ambient",
    ),
    "Supermicro with an inlet": (
        [
            ("CPU1 Temp", 40, "CPU"),
            ("Inlet Temp", 22, "Intake"),
            ("System Temp", 30, "SystemBoard"),
            ("Peripheral Temp", 33, "SystemBoard"),
        ],
        "Inlet Temp",
    ),
    "X10, everything tagged CPU": (
        [
            ("CPU1 Temp", 40, "CPU"),
            ("Inlet Temp", 22, "CPU"),
            ("PCH Temp", 41, "CPU"),
            ("System Temp", 30, "CPU"),
            ("P1-DIMMA1 Temp", 31, "CPU"),
        ],
        "Inlet Temp",
    ),
    "Cisco UCS": (
        [
            ("P1_TEMP_SENS", 47, None),
            ("TEMP_SENS_FRONT", 25, None),
            ("RISER1_INLET_TMP", 30, None),
            ("PSU1_TEMP", 28, None),
        ],
        "TEMP_SENS_FRONT",
    ),
    "Inspur": ([("Inlet_Temp", 21, None), ("Outlet_Temp", 33, None), ("PSU_Inlet_Temp", 26, None)], "Inlet_Temp"),
    "Huawei": ([("Inlet Temp", 20, "Intake"), ("Outlet Temp", 30, "Exhaust"), ("Disks Temp", 27, None)], "Inlet Temp"),
    "Quanta": (
        [("Temp_PCI_Inlet1", 31, None), ("Temp_Ambient_FP", 23, None), ("Temp_DIMM_A0", 30, None)],
        "Temp_Ambient_FP",
    ),
    "OCP": ([("MB_INLET_TEMP", 24, None), ("MB_OUTLET_TEMP", 35, None), ("PDB_INLET", 29, None)], "MB_INLET_TEMP"),
    "AMI, all Intake": (
        [
            (name, 25 + index, "Intake")
            for index, name in enumerate(
                ["TEMP_CPU0", "TEMP_AMBIENT", "TEMP_PCH", "TEMP_NVME0", "TEMP_PSU0", "TEMP_OUTLET"]
            )
        ],
        "TEMP_AMBIENT",
    ),
    "nothing but the context": ([("Temp 1", 40, "CPU"), ("Temp 2", 22, "Intake"), ("Temp 3", 35, "Exhaust")], "Temp 2"),
    "front by context": ([("Sensor 4", 24, "Front"), ("Sensor 5", 36, "Back")], "Sensor 4"),
    "written together": ([("SYSINLETTEMP", 22, None), ("CPUINLETTEMP", 35, None)], "SYSINLETTEMP"),
    "air in": ([("Air In", 21, None), ("Air Out", 34, None)], "Air In"),
    "liquid and air": ([("Inlet Water Temp", 30, "LiquidInlet"), ("Inlet Air Temp", 24, None)], "Inlet Air Temp"),
}


@pytest.mark.parametrize("vendor", VENDORS)
def test_names_of_many_vendors_are_understood(vendor: str) -> None:
    sensors, right = VENDORS[vendor]
    found = run(discover(), Served(thermal(*(member(*sensor) for sensor in sensors))))
    assert found.inlet is not None
    assert right == found.inlet.name


@pytest.mark.parametrize(
    "sensors",
    [
        [],
        [("CPU1 Temp", 40, "CPU"), ("System Temp", 30, "SystemBoard")],
        [("15-Board Inlet", 30, "SystemBoard"), ("54-P/S 1 Inlet", 28, "PowerSupply")],
        [("Inlet Water Temp", 25, None)],
        [("Temp 1", 22, None), ("Temp 2", 23, None)],
    ],
)
def test_no_temperature_is_taken_that_is_not_surely_the_inlet(sensors: list[tuple[str, float, str | None]]) -> None:
    assert run(discover(), Served(thermal(*(member(*sensor) for sensor in sensors)))).inlet is None


@pytest.mark.parametrize(
    "broken",
    [
        {"ReadingCelsius": None},
        {"ReadingCelsius": 0},
        {"ReadingCelsius": "N/A"},
        {"ReadingCelsius": ""},
        {"ReadingCelsius": [23]},
        {"ReadingCelsius": 255},
        {"ReadingCelsius": -128},
        {"ReadingCelsius": True},
        {"Status": {"State": "Absent"}},
        {"Status": {"State": "Disabled"}},
    ],
)
def test_a_missing_value_is_missing_never_zero(broken: dict[str, Any]) -> None:
    held = thermal({**member("Inlet Temp", 23), **broken})
    assert run(discover(), Served(held)).inlet is None


@pytest.mark.parametrize(
    ("reading", "units", "right"),
    [
        (24, "Cel", 24.0),
        (24, "C", 24.0),
        (24, None, 24.0),
        ("24.5", "Cel", 24.5),
        (75.2, "[degF]", 24.0),
        (297.15, "K", 24.0),
    ],
)
def test_units_are_converted(reading: object, units: str | None, right: float) -> None:
    held = rack(Sensors={"@odata.id": "/redfish/v1/Chassis/1/Sensors"})
    held["/redfish/v1/Chassis/1/Sensors"] = {"Members": [{"@odata.id": "/redfish/v1/Chassis/1/Sensors/InletTemp"}]}
    held["/redfish/v1/Chassis/1/Sensors/InletTemp"] = {"Name": "Inlet Temp", "Reading": reading, "ReadingUnits": units}
    found = run(discover(), Served(held))
    assert found.inlet is not None
    assert found.inlet.value == pytest.approx(right)


def test_ids_that_say_nothing_are_read_one_by_one() -> None:
    base = "/redfish/v1/Chassis/1/Sensors"
    held = rack(Sensors={"@odata.id": base})
    held[base] = {"Members": [{"@odata.id": f"{base}/{number}L0"} for number in range(120, 140)]}
    for number in range(120, 140):
        name = "Ambient Temp" if number == 128 else f"DIMM {number} Temp"
        held[f"{base}/{number}L0"] = {"Name": name, "Reading": 24 if number == 128 else 40, "ReadingUnits": "C"}
    found = run(discover(), Served(held))
    assert found.inlet is not None
    assert found.inlet.uri == f"{base}/128L0"


@pytest.mark.parametrize("name", ["dell-r750-idrac9-6.00", "nvidia-gb200-openbmc", "hpe-dl380a-gen11-ilo6"])
def test_broken_members_do_not_spoil_the_rest(name: str) -> None:
    """Every resource in turn answers garbage; the inlet is found, or nothing: never an error, never a wrong value."""
    whole = documents(name)
    right = run(discover(), Served(whole))
    assert right.inlet is not None
    for path in list(run_paths(whole))[1:]:
        for garbage in (b"\xff\xfe", b"[]", b'{"Temperatures": 7, "Members": {"a": 1}, "Links": []}', b"null"):
            held: dict[str, Any] = {**whole, path: garbage}
            found = run(discover(), Served(held))
            if found.inlet is not None:
                assert found.inlet.value == pytest.approx(right.inlet.value, abs=0.5)


def run_paths(held: dict[str, Any]) -> list[str]:
    """Return the paths that discovery reads."""
    served = Served(held)
    run(discover(), served)
    return [path.rstrip("/") for path in served.paths]


@pytest.mark.parametrize(
    "link",
    [
        "http://evil.example/redfish/v1/Chassis/1",
        "//evil.example/redfish/v1/Chassis/1",
        "/redfish/v1/../../etc/passwd",
        "/redfish/v1/%2e%2e/x",
        "\\\\evil.example\\redfish",
        "/redfish/v1\\..\\x",
        "/etc/passwd",
        "/redfish/v1/Chassis/1 HTTP/1.1\r\nHost: evil",
        7,
        None,
    ],
)
def test_links_that_lead_elsewhere_are_not_followed(link: object) -> None:
    held = thermal(member("Inlet Temp", 22))
    held["/redfish/v1/Chassis"] = {"Members": [{"@odata.id": link}, {"@odata.id": "/redfish/v1/Chassis/1"}]}
    held["/redfish/v1/Chassis/1"]["Sensors"] = {"@odata.id": link}
    held["/redfish/v1/Systems/1"]["Links"]["Chassis"] = [{"@odata.id": link}]
    served = Served(held)
    found = run(discover(), served)
    assert found.inlet is not None
    assert all(path.startswith("/redfish/v1") and ".." not in path and "evil" not in path for path in served.paths)


def test_a_bmc_that_has_no_end_is_left() -> None:
    """Every collection points to a next page for ever."""

    def another(_: Request) -> Response:
        number = len(endless.requests)
        return json_response(
            {
                "Members": [{"@odata.id": f"/redfish/v1/Chassis/{number}"}],
                "Members@odata.nextLink": f"/redfish/v1/Chassis/p{number}",
                "Sensors": {"@odata.id": f"/redfish/v1/Chassis/s{number}"},
            }
        )

    endless = MockTransport(another)
    found = run(discover(bounds=Bounds(requests=60)), endless)
    assert found.inlet is None
    assert len(endless.requests) <= 61


def test_a_slow_bmc_is_left_when_time_is_up() -> None:
    times = iter(range(0, 10_000, 10))
    from wao_predict.redfish.explorer import Explorer

    explorer = Explorer(Bounds(seconds=60), clock=lambda: float(next(times)))
    served = Served({f"/redfish/v1/{number}": {} for number in range(100)})
    for number in range(100):
        run(explorer.get(f"/redfish/v1/{number}"), served)
    assert len(served.paths) < 8


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [(401, RemoteError, "give --user"), (500, RemoteError, "500"), (200, ProtocolError, "not a Redfish service")],
)
def test_a_server_that_is_no_bmc_is_reported(status: int, error: type[Exception], words: str) -> None:
    other = MockTransport(lambda _: Response(status, b"<html>", {}, "https://bmc/redfish/v1/"))
    with pytest.raises(error, match=words):
        run(discover(), other)


def test_an_enclosures_power_is_not_the_servers() -> None:
    held = rack(ChassisType="Sled")
    held["/redfish/v1/Chassis"]["Members"].append({"@odata.id": "/redfish/v1/Chassis/Enclosure"})
    held["/redfish/v1/Chassis/Enclosure"] = {
        "ChassisType": "Enclosure",
        "Power": {"@odata.id": "/redfish/v1/Chassis/Enclosure/Power"},
    }
    held["/redfish/v1/Chassis/Enclosure/Power"] = {"PowerControl": [{"PowerConsumedWatts": 1800}]}
    assert run(discover(), Served(held)).power is None


def test_values_do_not_depend_on_the_order_of_members() -> None:
    whole = documents("yadro-r120g2-openbmc")
    path = "/redfish/v1/Chassis/Server_R120_G2_Server/Thermal"
    turned = copy.deepcopy(whole)
    turned[path]["Temperatures"].reverse()
    first, second = (run(discover(), Served(held)).inlet for held in (whole, turned))
    assert first is not None
    assert second is not None
    assert (first.name, first.value) == (second.name, second.value)


def test_a_bmc_with_endless_large_resources_is_left_after_a_bounded_size() -> None:
    def endless(request: Request) -> Response:
        number = request.url.count("x")
        link = {"@odata.id": f"/redfish/v1/Chassis/{'x' * (number + 1)}"}
        root = {"Chassis": {"@odata.id": "/redfish/v1/Chassis"}}
        pages = {"Members": [link], "Members@odata.nextLink": f"{request.url}x", "Filler": "a" * 1_000_000}
        return json_response(root if request.url.rstrip("/").endswith("v1") else pages)

    transport = MockTransport(endless)
    found = run(discover(bounds=Bounds(all_bytes=5_000_000)), transport)
    assert len(transport.requests) < 12
    assert any("larger than 4 MiB" in fault for fault in found.faults)


def test_half_of_a_surrogate_pair_in_a_name_is_replaced() -> None:
    document = decode(b'{"Name": "Inlet \\ud800", "\\udfff": 1, "Good": "\\ud83d\\ude00"}')
    assert document == {"Name": "Inlet \ufffd", "\ufffd": 1, "Good": "\U0001f600"}
