"""Supermicro's "System Temp": the reference's inlet temperature, for boards that have no sensor named for the inlet."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.bmc_trees import CHASSIS, inlet, member, thermal
from tests.wao_predict.redfish.captures import Served
from wao_predict.errors import RemoteError, SensorError
from wao_predict.flow import Request, Response, run
from wao_predict.redfish.bmc import STOPGAP_FOR
from wao_predict.redfish.choice import STOPGAP
from wao_predict.redfish.discovery import Discovery, discover
from wao_predict.sensors.redfish import MINIMUM_CONFIDENCE, RedfishSensor
from wao_predict.testing import MockTransport, serve_documents

SYSTEM = "/redfish/v1/Systems/1"
X10 = [  # all sensors are tagged CPU
    member("CPU1 Temp", 40, "CPU"),
    member("PCH Temp", 41, "CPU"),
    member("System Temp", 30, "CPU"),
    member("Peripheral Temp", 33, "CPU"),
    member("P1-DIMMA1 Temp", 31, "CPU"),
]
ABSENT: dict[str, Any] = {"Status": {"State": "Absent"}}


def board(*members: dict[str, Any], maker: str = "Supermicro") -> dict[str, Any]:
    """Return a server of this maker with these temperatures in its Thermal resource."""
    held = thermal(*members)
    held[SYSTEM] |= {"Manufacturer": maker}
    return held


def find(held: dict[str, Any]) -> Discovery:
    return run(discover(), Served(held))


@pytest.mark.parametrize("maker", ["Supermicro", "SUPERMICRO", "Super Micro Computer, Inc."])
def test_system_temp_is_the_inlet_of_a_supermicro_board_with_a_lower_confidence(maker: str) -> None:
    held = board(*X10, maker=maker)
    assert inlet(held) == (f"{CHASSIS}/Thermal#/Temperatures/2", 30.0)
    chosen = find(held).inlet
    assert chosen is not None
    assert chosen.confidence == STOPGAP
    assert "'System Temp' is on the board and warmer than the inlet" in chosen.reason


def test_its_confidence_is_enough_to_be_read_and_lower_than_that_of_a_name() -> None:
    weak_name = find(board(member("Env Temp", 25), member("Front Panel Temp", 25), member("System Temp", 30))).inlet
    assert weak_name is not None
    assert MINIMUM_CONFIDENCE <= STOPGAP < weak_name.confidence


@pytest.mark.parametrize(
    ("place", "maker"),
    [
        (CHASSIS, {"Manufacturer": "Supermicro"}),
        ("/redfish/v1", {"Vendor": "Supermicro"}),
        ("/redfish/v1", {"Oem": {"Supermicro": {}}}),
        (SYSTEM, {"Oem": {"Supermicro": {}}}),
    ],
)
def test_the_maker_is_known_under_an_integrators_name(place: str, maker: dict[str, Any]) -> None:
    held = board(*X10, maker="To be filled by O.E.M.")
    held[place] |= maker
    assert inlet(held) is not None


@pytest.mark.parametrize("maker", ["Acme", "", "Dell Inc."])
def test_system_temp_of_another_maker_is_not_the_inlet(maker: str) -> None:
    assert inlet(board(*X10, maker=maker)) is None


def test_a_sensor_named_for_the_inlet_is_preferred() -> None:
    held = board(member("System Temp", 30), member("Inlet Temp", 22))
    assert inlet(held) == (f"{CHASSIS}/Thermal#/Temperatures/1", 22.0)


def test_an_absent_inlet_sensor_leaves_system_temp() -> None:
    """As in gofish's sample of a board with firmware for several chassis (schemas/thermal_test.go)."""
    held = board(member("CPU Temp", 63, "CPU"), member("Inlet Temp", 0, **ABSENT), member("System Temp", 30))
    assert inlet(held) == (f"{CHASSIS}/Thermal#/Temperatures/2", 30.0)


def test_an_inlet_sensor_without_a_value_is_not_replaced() -> None:
    assert inlet(board(member("Inlet Temp", None), member("System Temp", 30))) is None


@pytest.mark.parametrize(
    "members",
    [
        [member("System Temp", 30, **ABSENT)],
        [member("System Temp", None)],
        [member("System Temp", 30), member("System Temp", 38)],  # of two nodes
        [member("Peripheral Temp", 33), member("CPU1 Temp", 40)],
    ],
)
def test_no_other_board_temperature_is_taken(members: list[dict[str, Any]]) -> None:
    assert inlet(board(*members)) is None


def test_a_fault_of_the_bmc_does_not_make_system_temp_the_inlet() -> None:
    """What cannot be read now may have the inlet."""
    held = board(*X10)
    held[CHASSIS]["Sensors"] = {"@odata.id": f"{CHASSIS}/Sensors"}

    def answer(request: Request) -> Response:
        if request.url == f"{CHASSIS}/Sensors":
            return Response(503, b"{}", {}, request.url)
        return serve_documents(held)(request)

    with pytest.raises(RemoteError, match="an inlet temperature is not found yet"):
        run(RedfishSensor("https://bmc").flow(), MockTransport(answer))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_inlet_sensor_that_appears_later_replaces_system_temp_within_the_hour() -> None:
    """BMCs report sensors as absent while the server is off."""
    held, clock = board(member("Inlet Temp", 0, **ABSENT), member("System Temp", 30)), Clock()
    sensor, bmc = RedfishSensor("https://bmc", clock=clock), Served(held)
    assert run(sensor.flow(), bmc).value == 30.0
    held[f"{CHASSIS}/Thermal"]["Temperatures"][0] = member("Inlet Temp", 22)
    polls = len(bmc.paths)
    assert run(sensor.flow(), bmc).value == 30.0
    assert len(bmc.paths) == polls + 1
    clock.now += STOPGAP_FOR + 1.0
    assert run(sensor.flow(), bmc).value == 22.0


def test_a_board_without_system_temp_asks_for_a_name() -> None:
    with pytest.raises(SensorError, match=r"set sensor\.uri or sensor\.name"):
        run(RedfishSensor("https://bmc").flow(), Served(board(member("CPU1 Temp", 40))))
