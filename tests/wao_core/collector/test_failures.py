"""The line that says which sensors fail."""

from __future__ import annotations

from tests.fakes.sensors import Sensors
from wao_core.collector.failures import failing
from wao_core.collector.plan import SensorSpec, Target
from wao_core.collector.poller import Poller
from wao_core.collector.store import SampleStore
from wao_predict.endpoint import Endpoint
from wao_predict.errors import RemoteError


async def polled(values: dict[str, float | Exception]) -> list[Poller]:
    sensors, pollers = Sensors(dict(values)), []
    for number, url in enumerate(values):
        spec = SensorSpec("inlet_temp", Endpoint("Redfish", url), 10.0)
        targets = frozenset({Target(f"n{number}", "inlet_temp")})
        poller = Poller(spec, sensors.reader(spec), SampleStore(), targets=targets, observe=lambda _attempt: None)
        await poller.poll()
        pollers.append(poller)
    return pollers


async def test_while_all_sensors_are_read_there_is_no_line() -> None:
    assert failing(await polled({"a": 20.0, "b": 21.0})) == ""


async def test_the_most_frequent_reasons_come_first_each_with_a_node() -> None:
    busy, down = RemoteError("busy"), RemoteError("down")
    text = failing(await polled({"a": busy, "b": down, "c": down, "d": 20.0}))
    assert text == "3 of 4 sensors fail: 2 such as n1: down; 1 such as n0: busy"


async def test_many_reasons_are_counted() -> None:
    text = failing(await polled({str(number): RemoteError(f"fault {number}") for number in range(5)}))
    assert text.startswith("5 of 5 sensors fail: 1 such as n0: fault 0; ")
    assert text.endswith("; 2 other reasons")
