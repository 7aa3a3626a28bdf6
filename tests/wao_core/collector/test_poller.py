"""One poller: what it stores, when it polls again, and what it logs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.otlp_receiver import attributes_of, receiving
from tests.fakes.sensors import Sensors
from wao_core import tracing
from wao_core.collector.plan import SensorSpec, Target
from wao_core.collector.poller import REFUSED_BACKOFF, Attempt, Poller, failure_kind, sample_time
from wao_core.collector.store import SampleStore
from wao_predict.endpoint import Endpoint
from wao_predict.errors import RemoteError, RemoteTimeout, SensorError


async def test_a_poller_backs_off_and_recovers() -> None:
    sensors = Sensors({"a": RemoteError("down")})
    spec = SensorSpec("inlet_temp", Endpoint("Redfish", "a"), 10.0)
    poller = Poller(
        spec,
        sensors.reader(spec),
        SampleStore(),
        targets=frozenset({Target("n1", "inlet_temp")}),
        observe=lambda _attempt: None,
    )
    waits = [await poller.poll() for _ in range(12)]
    assert 6 <= waits[0] <= 12
    assert all(180 <= wait <= 360 for wait in waits[6:])
    sensors.values["a"] = RemoteError("refused", status_code=401)
    assert await poller.poll() >= REFUSED_BACKOFF
    sensors.values["a"] = 20.0
    assert await poller.poll() == 10.0
    sensors.values["a"] = RemoteError("refused", status_code=403)
    assert await poller.poll() == REFUSED_BACKOFF
    sensors.values["a"] = 20.0
    assert await poller.poll() == 10.0
    assert (poller.state.failures, poller.state.reason) == (0, "")


async def test_a_server_says_when_it_wants_the_next_attempt() -> None:
    sensors = Sensors({"a": RemoteError("busy", status_code=503, retry_after=15.0)})
    waits = await polls(sensors, 4)
    assert waits == [15.0] * 4
    for wish, wait in ((0.0, 1.0), (86400.0, 300.0)):
        sensors.values["a"] = RemoteError("busy", status_code=503, retry_after=wish)
        assert await polls(sensors, 1) == [wait]


async def polls(sensors: Sensors, count: int) -> list[float]:
    """Return the waits after consecutive polls of one sensor."""
    spec = SensorSpec("inlet_temp", Endpoint("Redfish", "a"), 10.0)
    targets = frozenset({Target("n1", "inlet_temp")})
    reader = sensors.reader(spec)
    poller = Poller(spec, reader, SampleStore(), targets=targets, observe=lambda _attempt: None)
    return [await poller.poll() for _ in range(count)]


async def test_a_reading_is_a_span_with_the_kind_of_its_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        tracing.start("test", "1")
        await polls(Sensors({"a": RemoteError("the password s3cret is refused", status_code=401)}), 1)
        tracing.stop()
    expected = {"wao.metric": "inlet_temp", "wao.sensor.type": "Redfish", "wao.node": "n1", "error.type": "refused"}
    assert attributes_of(receiver.spans["read sensor"][0]) == expected


async def test_a_change_between_working_and_failing_is_one_log_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    sensors = Sensors({"a": RemoteError("no route to host")})
    spec = SensorSpec("inlet_temp", Endpoint("Redfish", "a"), 10.0)
    targets = frozenset({Target("n1", "inlet_temp")})
    attempts: list[Attempt] = []
    poller = Poller(spec, sensors.reader(spec), SampleStore(), targets=targets, observe=attempts.append)
    for _ in range(3):
        await poller.poll()
    assert caplog.messages == ["node n1: inlet_temp is not read from Redfish a: no route to host"]
    sensors.values["a"] = 20.0
    for _ in range(3):
        await poller.poll()
    assert caplog.messages[1:] == ["node n1: inlet_temp is read from Redfish a again, after 3 failed attempts"]
    assert [(attempt.node, attempt.failure) for attempt in attempts[2:4]] == [("n1", "connection"), ("n1", "")]


def test_kinds_of_failures() -> None:
    assert failure_kind(RemoteTimeout("x")) == "timeout"
    assert failure_kind(RemoteError("x", status_code=503)) == "http_503"
    assert failure_kind(RemoteError("x", status_code=403)) == "refused"
    assert failure_kind(RemoteError("x")) == "connection"
    assert failure_kind(SensorError("x")) == "reading"


def test_a_sensors_clock_is_believed_only_when_it_can_be_right() -> None:
    now = datetime(2026, 11, 23, 20, 15, tzinfo=UTC)
    at = now.timestamp()
    assert sample_time(now - timedelta(seconds=30), at, 60.0) == at - 30
    assert sample_time(now + timedelta(seconds=2), at, 60.0) == at
    assert sample_time(now - timedelta(hours=3), at, 60.0) == at
    assert sample_time(now + timedelta(hours=3), at, 60.0) == at
    assert sample_time(datetime(2026, 11, 23, 20, 15), at, 60.0) == at
    assert sample_time(None, at, 60.0) == at
