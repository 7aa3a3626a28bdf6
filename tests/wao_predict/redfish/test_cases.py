"""The cases in tests/data/redfish-cases, from public reports about BMCs: the right value, or none."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.bmc_trees import CHASSIS, member, thermal
from tests.wao_predict.redfish.captures import Served
from wao_predict import Credentials
from wao_predict.flow import Request, Response, run
from wao_predict.redfish.discovery import Discovery, discover
from wao_predict.redfish.login import RedfishLogin, basic_authorization
from wao_predict.redfish.names import TRUSTED, judge
from wao_predict.redfish.poll import Quantity, read_choice
from wao_predict.testing import MockTransport

FOLDER = Path(__file__).resolve().parents[2] / "data" / "redfish-cases"
HOST = "https://bmc"


@dataclass
class Case:
    """A BMC: its resources as bytes, its HTTP behaviour, and the right values."""

    expected: dict[str, Any]
    server: dict[str, Any]
    bodies: dict[str, bytes]

    def answer(self, request: Request) -> Response:
        path = request.url.removeprefix(HOST).partition("?")[0].rstrip("/")
        if self._is_refused(request, path):
            return Response(401, b"{}", {"www-authenticate": 'Basic realm="BMC"'}, HOST + path)
        if (status := self.server.get("status", {}).get(path)) is not None:
            return Response(status[0], b"{}", {}, HOST + path)
        if path not in self.bodies:
            return Response(404, b"{}", {}, HOST + path)
        body = self.bodies[path]
        if self.server.get("absids"):
            body = body.replace(b'"/redfish/v1', f'"{HOST}/redfish/v1'.encode())
        return Response(200, body, {}, HOST + path)

    def _is_refused(self, request: Request, path: str) -> bool:
        auth = self.server.get("auth")
        if auth is None or (path == "/redfish/v1" and not auth.get("root_closed")):
            return False
        right = basic_authorization(Credentials(auth["user"], auth["password"]))
        return request.headers.get("Authorization") != right


class LoggedIn(MockTransport):
    """A transport that logs in as the case says."""

    def __init__(self, case: Case) -> None:
        super().__init__(case.answer)
        login = case.expected.get("login")
        self._credentials = Credentials(*login) if login else None
        self._login = RedfishLogin()

    def send(self, request: Request) -> Response:
        if self._credentials is None or not request.authenticate:
            return super().send(request)
        return run(self._login.exchange(request, self._credentials), self)


def load(path: Path) -> Case:
    first, *lines = path.read_text(encoding="utf-8").splitlines()
    bodies: dict[str, bytes] = {}
    for line in map(json.loads, lines):
        bodies[line["path"]] = bytes.fromhex(line["hex"]) if "hex" in line else json.dumps(line["document"]).encode()
    head = json.loads(first)
    return Case(head["expected"], head["server"], bodies)


CASES = {
    path.stem: case for path in sorted(FOLDER.glob("*.jsonl")) if not (case := load(path)).expected.get("collector")
}


def values(case: Case) -> tuple[float | None, float | None, Discovery]:
    """Return inlet temperature and power as a poll then reads them, and the discovery."""
    transport = LoggedIn(case)
    found = run(discover(), transport)
    read: list[float | None] = []
    quantities: tuple[tuple[Quantity, Any], ...] = (("inlet_temp", found.inlet), ("power_watts", found.power))
    for quantity, choice in quantities:
        read.append(None if choice is None else run(read_choice(choice, quantity), transport).value)
    return read[0], read[1], found


@pytest.mark.parametrize("name", CASES)
def test_a_bmc_of_a_public_report_has_the_right_values(name: str) -> None:
    case = CASES[name]
    inlet, power, _ = values(case)
    assert inlet in (case.expected["inlet_temp_c"], *case.expected.get("accept_values_c", ()))
    assert power in (case.expected["power_w"], *case.expected.get("power_accept_w", ()))


def test_several_systems_give_a_reason_with_their_names_and_a_choice_gives_the_value() -> None:
    case = CASES["cray-two-nodes-one-bmc"]
    assert "Node0, Node1" in values(case)[2].reason
    for system, watts in (("Node0", 467.0), ("node1", 534.0), ("/redfish/v1/Systems/Node1", 534.0)):
        found = run(discover(system=system), LoggedIn(case))
        assert found.power is not None
        assert found.power.value == watts
    assert "no System 'Node7'; there are Node0, Node1" in run(discover(system="Node7"), LoggedIn(case)).reason


def test_a_failure_of_the_servers_own_resource_makes_the_discovery_provisional() -> None:
    found = values(CASES["jbod-inlet-while-thermal-503"])[2]
    assert found.inlet is None
    assert found.transient is not None
    assert found.transient.status_code == 503


def test_the_sensor_of_a_large_collection_is_found_by_its_name() -> None:
    assert values(CASES["sensors-561-inlet-named-last"])[2].requests <= 10


@pytest.mark.parametrize(
    "name",
    [
        "PCIe Inlet Temp",
        "PCI-e Inlet",
        "PCI Express Ambient",
        "NVMe Inlet Temp",
        "NVMe0_Ambient",
        "GPUs Inlet",
        "BlueField Inlet Temp",
        "ConnectX7 Ambient",
        "NVSwitch Inlet",
        "DIMMs Ambient",
        "CXL Inlet",
        "SmartNIC Ambient",
    ],
)
def test_the_air_at_a_part_is_not_the_inlet_of_the_server(name: str) -> None:
    assert judge(name).score < TRUSTED


def test_the_power_of_an_enclosure_with_several_servers_is_not_the_nodes() -> None:
    """A twin: one chassis with the Systems of two nodes, and its watts are those of both."""
    systems = [{"@odata.id": f"/redfish/v1/Systems/{name}"} for name in ("A", "B")]
    held = thermal(member("Inlet Temp", 22))
    held["/redfish/v1/Systems"] = {"Members": systems}
    held |= {link["@odata.id"]: {"Links": {"Chassis": [{"@odata.id": CHASSIS}]}} for link in systems}
    held[CHASSIS] |= {"Links": {"ComputerSystems": systems}, "Power": {"@odata.id": f"{CHASSIS}/Power"}}
    held[f"{CHASSIS}/Power"] = {"PowerControl": [{"Name": "System Power Control", "PowerConsumedWatts": 900}]}
    found = run(discover(system="A"), Served(held))
    assert found.power is None
    assert found.inlet is not None
    assert found.inlet.value == 22.0


def test_an_accelerator_board_or_a_dpu_is_no_second_server() -> None:
    held = thermal(member("Inlet Temp", 22))
    held["/redfish/v1/Systems"]["Members"] += [
        {"@odata.id": "/redfish/v1/Systems/HGX_Baseboard_0"},
        {"@odata.id": "/redfish/v1/Systems/Card1"},
    ]
    held["/redfish/v1/Systems/HGX_Baseboard_0"] = {}
    held["/redfish/v1/Systems/Card1"] = {"SystemType": "DPU"}
    found = run(discover(), Served(held))
    assert found.inlet is not None
    assert found.reason == ""


def test_a_single_sensor_is_polled_instead_of_the_thermal_document() -> None:
    """Lenovo's XCC: the Sensor has the SensorNumber in its id, and the name of the member of Thermal."""
    held = thermal(member("CPU 1 Temp", 50, SensorNumber=1), member("Ambient Temp", 21, "Intake", SensorNumber=128))
    held[CHASSIS]["Sensors"] = {"@odata.id": f"{CHASSIS}/Sensors"}
    ids = ["1L0", "7L0", "9L0", "128L0"]
    held[f"{CHASSIS}/Sensors"] = {"Members": [{"@odata.id": f"{CHASSIS}/Sensors/{name}"} for name in ids]}
    for name in ids:
        held[f"{CHASSIS}/Sensors/{name}"] = {"Name": f"Fan {name}", "Reading": 40, "ReadingUnits": "%"}
    held[f"{CHASSIS}/Sensors/128L0"] = {"Name": "Ambient Temp", "Reading": 21, "ReadingUnits": "Cel"}
    served = Served(held)
    found = run(discover(), served).inlet
    assert found is not None
    assert found.shown_uri == f"{CHASSIS}/Sensors/128L0"
    assert f"{CHASSIS}/Sensors/7L0" not in served.paths


def test_links_to_another_host_are_not_followed() -> None:
    case = load(FOLDER / "absolute-ids-own-host.jsonl")
    foreign = json.loads(case.bodies["/redfish/v1/Chassis"])
    foreign["Members"] = [{"@odata.id": "https://elsewhere/redfish/v1/Chassis/1"}]
    case.bodies["/redfish/v1/Chassis"] = json.dumps(foreign).encode()
    case.bodies["/redfish/v1/Systems"] = b"{}"
    assert values(case)[:2] == (None, None)
    assert any("leads elsewhere" in fault for fault in values(case)[2].faults)
