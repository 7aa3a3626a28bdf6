"""Statuses of NodeConfigs: what they say, and how seldom they are written."""

import math
from collections.abc import Mapping

import pytest

from wao_core.cluster.records import EndpointTerm, Kind, NodeConfig
from wao_core.cluster.source import ObjectRef
from wao_core.cluster.state import ClusterState
from wao_core.collector.collector import Collector
from wao_core.collector.plan import SensorSpec
from wao_core.collector.poller import Reader
from wao_core.collector.reporting import StatusReporter
from wao_core.collector.status import (
    ChosenSensor,
    Outlook,
    collecting_condition,
    metric_entries,
    predicting_condition,
    ready_condition,
    with_transitions,
)
from wao_core.collector.store import Sample, SampleState, SampleStore

NOW = 1_795_464_940.0  # 2026-11-23T20:15:40Z
FAKE = EndpointTerm(type="Fake", fetch_interval=3600.0)
CONFIG = NodeConfig(
    name="n1", namespace="wao", node_name="n1", generation=3, metrics={"inlet_temp": FAKE, "delta_p": FAKE}
)
FRESH = Sample(25.5, NOW - 1)
WAITING = Sample(math.nan, 0.0, state=SampleState.WAITING, reason="not read yet")
FAILED = Sample(math.nan, 0.0, state=SampleState.FAILED, reason="no answer in 8 s")


@pytest.mark.parametrize(
    ("inlet", "delta", "winner", "expected"),
    [
        (FRESH, FRESH, "", ("True", "AllFresh", "every metric is fresh")),
        (WAITING, None, "", ("Unknown", "Waiting", "no sensor was read yet")),
        (FAILED, FRESH, "", ("False", "SomeMetrics", "inlet_temp: no answer in 8 s")),
        (FAILED, FAILED, "", ("False", "NoMetric", "delta_p: no answer in 8 s; inlet_temp: no answer in 8 s")),
        (Sample(25.5, NOW - 90), FRESH, "", ("False", "SomeMetrics", "inlet_temp: the last value is too old")),
        (FRESH, FRESH, "wao/old", ("False", "Conflict", "wao/old is older and is for the same node")),
    ],
)
def test_collecting(inlet: Sample | None, delta: Sample | None, winner: str, expected: tuple[str, str, str]) -> None:
    condition = collecting_condition(CONFIG, {"inlet_temp": inlet, "delta_p": delta}, winner=winner, now=NOW)
    assert (condition["status"], condition["reason"], condition["message"]) == expected
    assert (condition["type"], condition["observedGeneration"]) == ("Collecting", 3)


def test_values_are_quantities_with_their_sample_time_and_sensor() -> None:
    sensor = ChosenSensor("/redfish/v1/Chassis/1/Sensors/Inlet", "Inlet Temp", 0.92)
    assert metric_entries({"inlet_temp": FRESH, "delta_p": FAILED}, {"inlet_temp": sensor}) == [
        {"name": "delta_p", "state": "failed", "reason": "no answer in 8 s"},
        {
            "name": "inlet_temp",
            "state": "ok",
            "value": "25500m",
            "time": "2026-11-23T20:15:39Z",
            "sensor": {"uri": "/redfish/v1/Chassis/1/Sensors/Inlet", "name": "Inlet Temp"},
            "confidence": "920m",
        },
    ]


def test_a_transition_time_moves_with_the_status_only() -> None:
    first = with_transitions([{"type": "Collecting", "status": "True", "reason": "AllFresh"}], [], NOW)
    assert first[0]["lastTransitionTime"] == "2026-11-23T20:15:40Z"
    same = with_transitions([{"type": "Collecting", "status": "True", "reason": "Other"}], first, NOW + 60)
    assert same[0]["lastTransitionTime"] == "2026-11-23T20:15:40Z"
    other = with_transitions([{"type": "Collecting", "status": "False", "reason": "Other"}], first, NOW + 60)
    assert other[0]["lastTransitionTime"] == "2026-11-23T20:16:40Z"


@pytest.mark.parametrize(
    ("outlook", "predicting", "ready"),
    [
        (None, ("Unknown", "Waiting"), ("Unknown", "Waiting")),
        (Outlook("", False, "names no predictor"), ("False", "NoPredictor"), ("True", "Ready")),
        (Outlook("Onnx edge", False, "no power curve yet"), ("False", "NoCurve"), ("False", "NoCurve")),
        (Outlook("Onnx edge", True, "no delta_p: mean"), ("True", "Fallback"), ("True", "Ready")),
        (Outlook("Onnx edge", True), ("True", "Predicted"), ("True", "Ready")),
    ],
)
def test_predicting_and_ready(outlook: Outlook | None, predicting: tuple[str, str], ready: tuple[str, str]) -> None:
    samples = {"inlet_temp": FRESH, "delta_p": FRESH}
    collecting = collecting_condition(CONFIG, samples, winner="", now=NOW)
    condition = predicting_condition(CONFIG, outlook)
    assert (condition["status"], condition["reason"]) == predicting
    whole = ready_condition(CONFIG, collecting, condition)
    assert (whole["status"], whole["reason"]) == ready
    failed = collecting_condition(CONFIG, {"inlet_temp": FAILED}, winner="", now=NOW)
    assert ready_condition(CONFIG, failed, condition)["reason"] == "NoMetric"


class Cluster:
    """A source that keeps the statuses it is given."""

    def __init__(self, state: ClusterState) -> None:
        self.state = state
        self.written: list[tuple[ObjectRef, Mapping[str, object]]] = []

    async def status(self, about: ObjectRef) -> Mapping[str, object]:
        return next((status for ref, status in reversed(self.written) if ref == about), {})

    async def patch_status(self, about: ObjectRef, status: Mapping[str, object]) -> None:
        self.written.append((about, status))


class Sensors:
    def reader(self, spec: SensorSpec) -> Reader:
        return SensorOf()


class SensorOf:
    async def read(self) -> "Reading":
        return Reading()

    def chosen(self) -> ChosenSensor | None:
        return ChosenSensor("/fake", "Fake", 0.5)

    def close(self) -> None:
        return None


class Reading:
    value, time = 25.5, None


async def test_writes_what_changed_once_and_values_now_and_then() -> None:
    state, store = ClusterState(), SampleStore()
    state.put(Kind.NODE_CONFIG, CONFIG)
    cluster = Cluster(state)
    async with Collector(state, store, Sensors()) as collector:
        for poller in collector.pollers.values():
            await poller.poll()
        reporter = StatusReporter(cluster, collector, writes_per_second=1e6)  # type: ignore[arg-type]
        at = store.by_node("inlet_temp")["n1"].time
        assert [await reporter.write_due(now=at + 1) for _ in range(3)] == [1, 0, 0]
        assert await reporter.write_due(now=at + 310) == 1
        state.put(Kind.NODE_CONFIG, NodeConfig(name="n1", namespace="wao", node_name="n1", generation=4, metrics={}))
        assert await reporter.write_due(now=at + 311) == 1
    about, status = cluster.written[0]
    assert (about.kind, about.namespace, about.name) == ("NodeConfig", "wao", "n1")
    assert status["observedGeneration"] == 3
    assert status["metrics"][0]["sensor"] == {"uri": "/fake", "name": "Fake"}  # type: ignore[index]


def made(name: str, *, created: float, generation: int = 1) -> NodeConfig:
    return NodeConfig(name=name, namespace="wao", node_name=name, created=created, generation=generation)


async def test_a_first_status_comes_before_all_others_the_newest_first() -> None:
    state = ClusterState()
    for record in (made("old", created=1.0), made("edited", created=2.0)):
        state.put(Kind.NODE_CONFIG, record)
    cluster = Cluster(state)
    async with Collector(state, SampleStore(), Sensors()) as collector:
        reporter = StatusReporter(cluster, collector, writes_per_second=1e6)  # type: ignore[arg-type]
        await reporter.write_due(now=NOW)
        state.put(Kind.NODE_CONFIG, made("edited", created=2.0, generation=2))
        state.put(Kind.NODE_CONFIG, made("new", created=3.0))
        state.put(Kind.NODE_CONFIG, made("newest", created=4.0))
        for _ in range(6):  # each look reviews a part of what there is
            await reporter.write_due(now=NOW + 301.0)
    names = [about.name for about, _ in cluster.written]
    assert sorted(names[:2]) == ["edited", "old"]
    assert names[2:4] == ["newest", "new"]
    assert sorted(names[4:]) == ["edited", "old"]


async def test_no_more_is_written_at_a_time_than_the_rate_allows() -> None:
    state = ClusterState()
    for number in range(300):
        state.put(Kind.NODE_CONFIG, made(f"n{number}", created=1.0))
    cluster = Cluster(state)
    async with Collector(state, SampleStore(), Sensors()) as collector:
        reporter = StatusReporter(cluster, collector, writes_per_second=200.0)  # type: ignore[arg-type]
        assert await reporter.write_due(now=NOW) == 200
        assert await reporter.write_due(now=NOW) == 100
    assert len({about.name for about, _ in cluster.written}) == 300


async def test_a_status_of_a_deleted_node_config_is_forgotten() -> None:
    state = ClusterState()
    state.put(Kind.NODE_CONFIG, made("n", created=1.0))
    cluster = Cluster(state)
    async with Collector(state, SampleStore(), Sensors()) as collector:
        reporter = StatusReporter(cluster, collector, writes_per_second=1e6)  # type: ignore[arg-type]
        assert await reporter.write_due(now=NOW) == 1
        state.remove(Kind.NODE_CONFIG, "wao/n")
        assert await reporter.write_due(now=NOW) == 0
        state.put(Kind.NODE_CONFIG, made("n", created=2.0))
        assert await reporter.write_due(now=NOW) == 1


async def test_two_replicas_that_see_the_same_write_it_once() -> None:
    """And so does one that was restarted: what was true since yesterday does not begin today."""
    state = ClusterState()
    state.put(Kind.NODE_CONFIG, made("n", created=1.0))
    cluster = Cluster(state)
    async with Collector(state, SampleStore(), Sensors()) as collector:
        for at in (NOW, NOW + 3.0):
            reporter = StatusReporter(cluster, collector, writes_per_second=1e6)  # type: ignore[arg-type]
            await reporter.write_due(now=at)
        assert len(cluster.written) == 1
        for _ in range(2):
            await reporter.write_due(now=NOW + 400.0)
    (_, first), (_, second) = cluster.written
    assert first["conditions"] == second["conditions"]
