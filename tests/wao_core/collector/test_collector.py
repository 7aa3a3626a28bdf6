"""Pollers follow the NodeConfigs: they start, stop, move and never leak; what they read is in the store."""

import asyncio
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from tests.waiting import until
from wao_core.cluster.records import Kind, Node, NodeConfig, SensorTerm
from wao_core.cluster.state import ClusterState
from wao_core.collector.collector import Collector, addresses_of
from wao_core.collector.plan import NodeIdentity, SensorSpec, Target
from wao_core.collector.poller import REFUSED_BACKOFF, Attempt, Poller, Reader, failure_kind, sample_time
from wao_core.collector.status import ChosenSensor
from wao_core.collector.store import SampleState, SampleStore
from wao_predict.endpoint import Endpoint
from wao_predict.errors import RemoteError, RemoteTimeout, SensorError
from wao_predict.sensors.base import Reading


@dataclass
class Sensors:
    """Sensors by endpoint: a number to read, or an error to raise; counts the readings."""

    values: dict[str, float | Exception] = field(default_factory=dict)
    reads: dict[str, int] = field(default_factory=dict)
    closed: list[str] = field(default_factory=list)

    def reader(self, spec: SensorSpec) -> Reader:
        return SensorOf(self, spec.endpoint.url)


@dataclass
class SensorOf:
    sensors: Sensors
    endpoint: str

    async def read(self) -> Reading:
        self.sensors.reads[self.endpoint] = self.sensors.reads.get(self.endpoint, 0) + 1
        await asyncio.sleep(0)
        value = self.sensors.values.get(self.endpoint, 20.0)
        if isinstance(value, Exception):
            raise value
        return Reading(value)

    def chosen(self) -> ChosenSensor | None:
        return None

    def close(self) -> None:
        self.sensors.closed.append(self.endpoint)


def config(node: str, endpoint: str, *, interval: float = 1.0) -> NodeConfig:
    term = SensorTerm(Endpoint("Redfish", endpoint), interval)
    return NodeConfig(name=node, namespace="wao", node_name=node, metrics={"inlet_temp": term})


def running_polls() -> int:
    return sum(task.get_name().startswith("poll ") for task in asyncio.all_tasks())


async def test_reads_every_sensor_once_at_the_start() -> None:
    state, store, sensors = ClusterState(), SampleStore(), Sensors({"b": 30.0})
    state.replace(Kind.NODE_CONFIG, [config("n1", "a"), config("n2", "b")])
    async with Collector(state, store, sensors.reader) as collector:
        assert store.get("n1", "inlet_temp") is not None
        assert not collector.tried_all
        await until(lambda: collector.tried_all)
        assert collector.health() is None
    sample = store.get("n2", "inlet_temp")
    assert sample is not None
    assert (sample.value, sample.state, sample.ttl, sample.source) == (30.0, SampleState.OK, 4.0, "Redfish")
    assert sample.fresh()
    assert running_polls() == 0


async def test_changes_of_the_configs_are_followed_without_a_leak() -> None:
    state, store, sensors = ClusterState(), SampleStore(), Sensors({"a": 1.0, "b": 2.0})
    state.put(Kind.NODE_CONFIG, config("n1", "a"))
    async with Collector(state, store, sensors.reader) as collector:
        await until(lambda: collector.tried_all)
        for round_ in range(3):  # the reference's pollers went on after each update
            state.put(Kind.NODE_CONFIG, config("n1", "b", interval=1.0 + round_))
            await until(lambda: {spec.endpoint.url for spec in collector.pollers} == {"b"} and collector.tried_all)
            state.put(Kind.NODE_CONFIG, config("n1", "a"))
            await until(lambda: {spec.endpoint.url for spec in collector.pollers} == {"a"} and collector.tried_all)
            assert running_polls() == 1
            assert sensors.closed == ["a", "b"] * (round_ + 1)
        state.remove(Kind.NODE_CONFIG, "wao/n1")
        await until(lambda: not collector.pollers and running_polls() == 0)
        assert store.get("n1", "inlet_temp") is None


async def test_a_changed_sensor_keeps_the_old_value_until_the_new_one_is_read() -> None:
    state, store, sensors = ClusterState(), SampleStore(), Sensors({"a": 21.0, "b": SensorError("absent")})
    state.put(Kind.NODE_CONFIG, config("n1", "a"))
    async with Collector(state, store, sensors.reader) as collector:
        await until(lambda: collector.tried_all)
        state.put(Kind.NODE_CONFIG, config("n1", "b"))
        await until(lambda: sensors.reads.get("b", 0) > 0 and collector.tried_all)
        sample = store.get("n1", "inlet_temp")
        assert sample is not None
        assert (sample.value, sample.state, sample.reason) == (21.0, SampleState.FAILED, "absent")


async def test_one_reading_serves_all_nodes_that_share_a_sensor() -> None:
    state, store, sensors = ClusterState(), SampleStore(), Sensors({"rack": 7.5})
    state.replace(Kind.NODE_CONFIG, [config(f"n{i}", "rack", interval=60.0) for i in range(50)])
    async with Collector(state, store, sensors.reader) as collector:
        await until(lambda: collector.tried_all)
        assert sensors.reads == {"rack": 1}
        state.put(Kind.NODE_CONFIG, config("late", "rack", interval=60.0))
        await until(lambda: (sample := store.get("late", "inlet_temp")) is not None and sample.value == 7.5)
        assert sensors.reads == {"rack": 1}


async def test_dead_sensors_leave_the_others_fresh() -> None:
    broken: dict[str, float | Exception] = {
        "s0": RemoteTimeout("no answer in 8 s"),
        "s1": RemoteError("refused", status_code=401),
        "s2": KeyError("a plug-in's fault"),
        "s3": math.nan,
    }
    state, store, sensors = ClusterState(), SampleStore(), Sensors(broken)
    state.replace(Kind.NODE_CONFIG, [config(f"n{i}", f"s{i}") for i in range(100)])
    kinds: list[str] = []

    def observe(attempt: Attempt) -> None:
        kinds.append(attempt.failure)

    async with Collector(state, store, sensors.reader, observe=observe) as collector:
        await until(lambda: collector.tried_all)
    samples = store.by_node("inlet_temp")
    assert sum(sample.fresh() for sample in samples.values()) == 96
    assert all(not samples[f"n{i}"].measured and samples[f"n{i}"].reason for i in range(4))
    assert {"timeout", "refused", "error", "reading"} <= set(kinds)


async def test_readings_go_on_at_the_interval() -> None:
    state, store, sensors = ClusterState(), SampleStore(), Sensors({"a": 20.0})
    state.put(Kind.NODE_CONFIG, config("n1", "a"))
    async with Collector(state, store, sensors.reader):
        await until(lambda: sensors.reads.get("a", 0) == 1)
        sensors.values["a"] = 22.0
        await until(lambda: (sample := store.get("n1", "inlet_temp")) is not None and sample.value == 22.0)


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


async def test_a_nodes_new_address_makes_a_new_poller_and_leaves_the_others() -> None:
    state, store, sensors = ClusterState(), SampleStore(), Sensors()

    def node(name: str, address: str) -> Node:
        return Node(name=name, addresses=(("InternalIP", address),))

    def identify(_endpoint: Endpoint, name: str) -> NodeIdentity:
        return NodeIdentity(name, state.nodes[name].addresses[0][1])

    state.replace(Kind.NODE, [node("n1", "10.0.0.1"), node("n2", "10.0.0.2")])
    state.replace(Kind.NODE_CONFIG, [config("n1", "prom", interval=60.0), config("n2", "prom", interval=60.0)])
    async with Collector(state, store, sensors.reader, identify=identify) as collector:
        before = {spec.node: poller for spec, poller in collector.pollers.items()}
        state.put(Kind.NODE, node("n1", "10.0.0.9"))
        await until(lambda: {spec.address for spec in collector.pollers} == {"10.0.0.9", "10.0.0.2"})
        after = {spec.node: poller for spec, poller in collector.pollers.items()}
        assert after["n2"] is before["n2"]
        await until(lambda: running_polls() == 2)


def test_readings_depend_on_no_more_of_a_node_than_its_addresses() -> None:
    before, after = (Node(name="n", labels={"at": at}, addresses=(("InternalIP", "10.0.0.1"),)) for at in "12")
    assert before != after
    assert addresses_of(before) == addresses_of(after) != addresses_of(None)
