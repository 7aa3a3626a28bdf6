"""One discovery for all sensors of a BMC: shared, continued after a limit, repeated after faults."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.bmc_trees import CHASSIS, POWER, member, thermal
from tests.wao_predict.redfish.captures import Served
from wao_predict.errors import RemoteError, RemoteTimeout
from wao_predict.flow import Request, Response, run
from wao_predict.redfish.bmc import PROVISIONAL_FOR
from wao_predict.redfish.explorer import Bounds
from wao_predict.sensors.redfish import RedfishSensor
from wao_predict.testing import MockTransport, json_response, serve_documents


def server() -> dict[str, Any]:
    held = thermal(member("Inlet Temp", 22), member("CPU Temp", 60))
    held[CHASSIS]["Power"] = {"@odata.id": POWER}
    return held | {POWER: {"PowerControl": [{"Name": "System Power Control", "PowerConsumedWatts": 310}]}}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def pair(clock: Clock, *, seconds: float = 45.0) -> tuple[RedfishSensor, RedfishSensor]:
    """Return the sensors of one BMC that share its discovery."""
    state: dict[str, object] = {}
    bounds = Bounds(seconds=seconds)
    inlet = RedfishSensor("https://bmc", "inlet_temp", bounds=bounds, clock=clock)
    power = RedfishSensor("https://bmc", "power_watts", bounds=bounds, clock=clock)
    inlet.share(state)
    power.share(state)
    return inlet, power


def test_the_sensors_of_a_bmc_share_one_discovery() -> None:
    inlet, power = pair(Clock())
    bmc = Served(server())
    assert run(inlet.flow(), bmc).value == 22.0
    before = len(bmc.paths)
    assert run(power.flow(), bmc).value == 310.0
    assert bmc.paths[before:] == [POWER]


def test_a_slow_bmc_is_discovered_in_several_attempts() -> None:
    clock = Clock()
    serve = serve_documents(server())

    def slow(request: Request) -> Response:
        clock.now += 7.0
        return serve(request)

    bmc = MockTransport(slow)
    inlet, power = pair(clock, seconds=20.0)
    attempts = 0
    with pytest.raises(RemoteTimeout, match="discovery stopped after 20 s; it continues with the next attempt"):
        run(inlet.flow(), bmc)
    for sensor, value in ((power, 310.0), (inlet, 22.0)):
        while True:
            attempts += 1
            try:
                assert run(sensor.flow(), bmc).value == value
                break
            except RemoteTimeout:
                continue
    assert attempts <= 6
    assert len(set(bmc.urls)) >= len(bmc.urls) - 2  # only the polled resources are read again


def test_a_discovery_with_faults_is_repeated_and_keeps_its_sensor_while_the_bmc_is_away() -> None:
    clock, held, failing = Clock(), server(), {POWER}

    def answer(request: Request) -> Response:
        if request.url in failing:
            return json_response({}, status=503, headers={"retry-after": "15"})
        return serve_documents(held)(request)

    bmc = MockTransport(answer)
    inlet, power = pair(clock)
    assert run(inlet.flow(), bmc).value == 22.0
    with pytest.raises(RemoteError, match=r"a measured power is not found yet.*answered 503") as raised:
        run(power.flow(), bmc)
    assert (raised.value.status_code, raised.value.retry_after) == (503, 15.0)
    failing.clear()
    assert run(power.flow(), bmc).value == 310.0
    clock.now += PROVISIONAL_FOR + 1.0
    failing.add("/redfish/v1/")
    assert run(inlet.flow(), bmc).value == 22.0
    failing.clear()
    before = len(bmc.urls)
    for _ in range(3):
        assert run(inlet.flow(), bmc).value == 22.0
    assert len(bmc.urls) - before < 12


def test_another_chassis_does_not_stand_in_for_the_servers_while_it_fails() -> None:
    clock, held = Clock(), server()
    away = {CHASSIS}
    other = "/redfish/v1/Chassis/2"
    held["/redfish/v1/Chassis"]["Members"].append({"@odata.id": other})
    held[other] = {"Thermal": {"@odata.id": f"{other}/Thermal"}}
    held[f"{other}/Thermal"] = {"Temperatures": [member("Inlet Temp", 35)]}

    def answer(request: Request) -> Response:
        if request.url in away:
            return json_response({}, status=500)
        return serve_documents(held)(request)

    inlet, _ = pair(clock)
    bmc = MockTransport(answer)
    with pytest.raises(RemoteError, match="answered 500"):
        run(inlet.flow(), bmc)
    away.clear()
    assert run(inlet.flow(), bmc).value == 22.0
