"""When statuses of NodeConfigs are written: in which order, how often, and again after a failure."""

import asyncio

import pytest

from tests.fakes.statuses import StatusSource
from wao_core.cluster.records import Kind, NodeConfig, SensorTerm
from wao_core.cluster.state import ClusterState
from wao_core.collector.collector import Collector
from wao_core.collector.plan import SensorSpec
from wao_core.collector.poller import Reader
from wao_core.collector.reporting import StatusReporter
from wao_core.collector.status import CalibrationReport, ChosenSensor
from wao_core.collector.store import SampleStore
from wao_core.conditions import Condition
from wao_predict.endpoint import Endpoint
from wao_predict.sensors.base import Reading

NOW = 1_795_464_940.0  # 2026-11-23T20:15:40Z
FAKE = SensorTerm(Endpoint("Fake"), 3600.0)
CONFIG = NodeConfig(
    name="n1", namespace="wao", node_name="n1", generation=3, metrics={"inlet_temp": FAKE, "delta_p": FAKE}
)


class Sensors:
    def reader(self, spec: SensorSpec) -> Reader:
        return SensorOf()


class SensorOf:
    async def read(self) -> Reading:
        return Reading(25.5)

    def chosen(self) -> ChosenSensor | None:
        return ChosenSensor("/fake", "Fake", 0.5)

    def close(self) -> None:
        return None


async def test_writes_what_changed_once_and_values_now_and_then() -> None:
    state, store = ClusterState(), SampleStore()
    state.put(Kind.NODE_CONFIG, CONFIG)
    cluster = StatusSource(state)
    async with Collector(state, store, Sensors().reader) as collector:
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
    assert status["metrics"][0]["sensor"] == {"uri": "/fake", "name": "Fake"}


def made(name: str, *, created: float, generation: int = 1, uid: str = "") -> NodeConfig:
    return NodeConfig(name=name, namespace="wao", node_name=name, created=created, generation=generation, uid=uid)


async def test_a_first_status_comes_before_all_others_the_newest_first() -> None:
    state = ClusterState()
    for record in (made("old", created=1.0), made("edited", created=2.0)):
        state.put(Kind.NODE_CONFIG, record)
    cluster = StatusSource(state)
    async with Collector(state, SampleStore(), Sensors().reader) as collector:
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


async def test_a_node_config_that_cannot_be_decoded_says_so_until_it_can() -> None:
    """The API server accepts a type of 300 characters: the status is where its author looks for the reason."""
    state = ClusterState()
    cluster = StatusSource(state)
    cluster.refused = {"wao/n": "field type: 300 characters, and 253 is the limit", "(unknown)": "no object"}
    async with Collector(state, SampleStore(), Sensors().reader) as collector:
        reporter = StatusReporter(cluster, collector, writes_per_second=1e6)  # type: ignore[arg-type]
        assert [await reporter.write_due(now=NOW) for _ in range(3)] == [1, 0, 0]
        cluster.refused = {}
        state.put(Kind.NODE_CONFIG, made("n", created=1.0, generation=2, uid="u"))
        assert await reporter.write_due(now=NOW) == 1
        cluster.refused = {"wao/n": "field type: empty"}
        assert await reporter.write_due(now=NOW) == 1
    refused, read, edited = ([item["reason"] for item in status["conditions"]] for _, status in cluster.written)
    assert refused == edited == ["Unreadable"] * 3
    assert "Unreadable" not in read
    about, first = cluster.written[0]
    assert (about.namespace, about.name) == ("wao", "n")
    assert first["conditions"][0]["message"] == "field type: 300 characters, and 253 is the limit"
    assert first.keys() == {"conditions"}


async def test_no_more_is_written_at_a_time_than_the_rate_allows() -> None:
    state = ClusterState()
    for number in range(300):
        state.put(Kind.NODE_CONFIG, made(f"n{number}", created=1.0))
    cluster = StatusSource(state)
    async with Collector(state, SampleStore(), Sensors().reader) as collector:
        reporter = StatusReporter(cluster, collector, writes_per_second=200.0)  # type: ignore[arg-type]
        assert await reporter.write_due(now=NOW) == 200
        assert await reporter.write_due(now=NOW) == 100
    assert len({about.name for about, _ in cluster.written}) == 300


async def test_a_status_of_a_deleted_node_config_is_forgotten() -> None:
    state = ClusterState()
    state.put(Kind.NODE_CONFIG, made("n", created=1.0))
    cluster = StatusSource(state)
    async with Collector(state, SampleStore(), Sensors().reader) as collector:
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
    cluster = StatusSource(state)
    async with Collector(state, SampleStore(), Sensors().reader) as collector:
        for at in (NOW, NOW + 3.0):
            reporter = StatusReporter(cluster, collector, writes_per_second=1e6)  # type: ignore[arg-type]
            await reporter.write_due(now=at)
        assert len(cluster.written) == 1
        for _ in range(2):
            await reporter.write_due(now=NOW + 400.0)
    (_, first), (_, second) = cluster.written
    assert first["conditions"] == second["conditions"]


async def test_a_node_config_that_is_created_again_gets_its_own_status_at_once() -> None:
    state = ClusterState()
    state.put(Kind.NODE_CONFIG, made("n", created=1.0, uid="old"))
    cluster = StatusSource(state)
    async with Collector(state, SampleStore(), Sensors().reader) as collector:
        reporter = StatusReporter(cluster, collector, writes_per_second=1e6)  # type: ignore[arg-type]
        await reporter.write_due(now=NOW)
        state.put(Kind.NODE_CONFIG, made("n", created=2.0, uid="new"))
        assert await reporter.write_due(now=NOW + 60.0) == 1
    assert [about.uid for about, _ in cluster.written] == ["old", "new"]
    (_, first), (_, second) = cluster.written
    assert first["conditions"][0]["lastTransitionTime"] == "2026-11-23T20:15:40Z"
    assert second["conditions"][0]["lastTransitionTime"] == "2026-11-23T20:16:40Z"


@pytest.mark.parametrize("fails", ["reads_fail", "writes_fail"])
async def test_a_failed_write_is_retried_after_a_back_off(fails: str) -> None:
    state, clock = ClusterState(), [0.0]
    state.put(Kind.NODE_CONFIG, made("n", created=1.0))
    cluster = StatusSource(state)
    setattr(cluster, fails, True)
    async with Collector(state, SampleStore(), Sensors().reader) as collector:
        reporter = StatusReporter(cluster, collector, writes_per_second=1e6, clock=lambda: clock[0])  # type: ignore[arg-type]
        assert await reporter.write_due(now=NOW) == 1
        assert await reporter.write_due(now=NOW) == 0
        setattr(cluster, fails, False)
        clock[0] += 1.0
        assert await reporter.write_due(now=NOW + 1.0) == 1
        assert await reporter.write_due(now=NOW + 1.0) == 0
    assert len(cluster.written) == 1


async def test_values_whose_write_failed_are_written_by_the_retry() -> None:
    state, clock = ClusterState(), [0.0]
    state.put(Kind.NODE_CONFIG, made("n", created=1.0))
    cluster = StatusSource(state)
    async with Collector(state, SampleStore(), Sensors().reader) as collector:
        reporter = StatusReporter(cluster, collector, writes_per_second=1e6, clock=lambda: clock[0])  # type: ignore[arg-type]
        await reporter.write_due(now=NOW)
        cluster.writes_fail = True
        assert await reporter.write_due(now=NOW + 301.0) == 1
        cluster.writes_fail = False
        clock[0] += 1.0
        assert await reporter.write_due(now=NOW + 302.0) == 1
    assert len(cluster.written) == 2


async def test_statuses_that_wait_for_a_retry_do_not_make_rounds_more_frequent() -> None:
    state = ClusterState()
    reviewed: list[str] = []
    for name in ("written", "failing"):
        state.put(Kind.NODE_CONFIG, made(name, created=1.0))
    cluster = StatusSource(state)
    async with Collector(state, SampleStore(), Sensors().reader) as collector:
        reporter = StatusReporter(cluster, collector, prediction=reviewed.append, writes_per_second=1e6)  # type: ignore[arg-type]
        assert await reporter.write_due() == 2
        cluster.writes_fail = True
        state.put(Kind.NODE_CONFIG, made("failing", created=1.0, generation=2))
        while cluster.patches <= 2:
            await reporter.write_due()
        reviewed.clear()
        running = asyncio.create_task(reporter.run())
        for _ in range(500):
            await asyncio.sleep(0)
        running.cancel()
    assert len(reviewed) <= 2


async def test_a_calibration_is_written_with_its_condition_when_that_changes() -> None:
    state = ClusterState()
    state.put(Kind.NODE_CONFIG, CONFIG)
    cluster = StatusSource(state)
    reasons = ["Shadow", "Shadow", "Applied"]

    def calibration(config: NodeConfig) -> CalibrationReport:
        condition = Condition("Calibrated", "True", reasons[0], "", config.generation)
        return CalibrationReport(condition, {"model": "m", "residualWatts": 1.5})

    async with Collector(state, SampleStore(), Sensors().reader) as collector:
        reporter = StatusReporter(cluster, collector, calibration=calibration, writes_per_second=1e6)  # type: ignore[arg-type]
        written = []
        while reasons:
            written.append(await reporter.write_due(now=NOW))
            if len(reasons) == 1:
                break
            del reasons[0]
    assert written == [1, 0, 1]
    _, status = cluster.written[-1]
    assert status["calibration"] == {"model": "m", "residualWatts": 1.5}
    assert [condition["type"] for condition in status["conditions"]][-1] == "Calibrated"
