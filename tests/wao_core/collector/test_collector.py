"""Pollers follow the NodeConfigs: they start, stop, move and never leak; what they read is in the store."""

from __future__ import annotations

import asyncio
import math

from tests.fakes.sensors import Sensors
from tests.waiting import until
from wao_core.cluster.records import Kind, Node, NodeConfig, SensorTerm
from wao_core.cluster.state import ClusterState
from wao_core.collector.collector import Collector, addresses_of
from wao_core.collector.plan import NodeIdentity
from wao_core.collector.poller import Attempt
from wao_core.collector.store import SampleState, SampleStore
from wao_predict.endpoint import Endpoint
from wao_predict.errors import RemoteError, RemoteTimeout, SensorError


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


async def test_a_poller_that_fails_is_reported_and_polls_again() -> None:
    state, store, sensors = ClusterState(), SampleStore(), Sensors({"a": 20.0})
    state.put(Kind.NODE_CONFIG, config("n1", "a"))
    seen: list[Attempt] = []

    def observe(attempt: Attempt) -> None:
        seen.append(attempt)
        if len(seen) == 1:
            raise ValueError("no good")

    async with Collector(state, store, sensors.reader, observe=observe) as collector:
        await until(lambda: collector.failed_pollers() is not None)
        assert collector.failed_pollers() == "poll inlet_temp of Redfish a: ValueError: no good"
        assert collector.health() is None, "one sensor must not make the server unready"
        await until(lambda: len(seen) > 1)
