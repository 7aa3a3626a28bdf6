"""The background work of scheduler and load balancer: from a cluster to snapshots, and what readiness waits for."""

from __future__ import annotations

import pytest

from tests.fakes.sources import FakeSource
from tests.waiting import until
from wao_core.cluster.records import Kind, Node, NodeConfig, NodeMetrics, SensorTerm
from wao_core.cluster.state import ClusterState
from wao_core.health import HealthChecks
from wao_core.prediction.snapshot import ClusterSnapshot
from wao_core.prediction.snapshot_loop import FIRST_CURVES, Cadence, Inputs, deciding
from wao_predict.endpoint import Endpoint, Options

QUICK = Cadence(refresh=0.01)
SENSOR = Endpoint("Fake")
MODEL = Endpoint("Fake", options=Options({"value": 250}))
BROKEN = Endpoint("Onnx", "no-such-model")
DOWN = Endpoint("Redfish", "http://127.0.0.1:1")


def source_of(model: Endpoint = MODEL, sensor: Endpoint = SENSOR) -> FakeSource:
    """Return a cluster with one node, whose sensors and model are these."""
    state = ClusterState()
    state.put(Kind.NODE, Node(name="n1", capacity_cores=32.0))
    state.put(Kind.NODE_METRICS, NodeMetrics(name="n1", cpu_cores=2.0, timestamp=1_000.0))
    terms = {"inlet_temp": SensorTerm(sensor, 60.0), "delta_p": SensorTerm(SENSOR, 60.0)}
    config = NodeConfig(name="n1", namespace="w", node_name="n1", metrics=terms, power_consumption=model)
    state.put(Kind.NODE_CONFIG, config)
    return FakeSource(state)


def is_ready(checks: HealthChecks) -> bool:
    return checks.ready().results["first-snapshot"] is None


async def test_sensors_are_read_and_models_asked_until_a_snapshot_has_the_curve() -> None:
    checks, seen = HealthChecks(), list[ClusterSnapshot]()
    async with deciding(source_of(), checks, seen.append, cadence=QUICK) as runtime:
        await until(lambda: seen and seen[-1].curves.known.all())
        await until(lambda: is_ready(checks))
        assert runtime.snapshot is seen[-1]
        assert seen[-1].inlet_temp.tolist() == [15.5]
        assert seen[-1].curves.at(50.0).tolist() == [250.0]
        assert checks.live().healthy
    assert [snapshot.version for snapshot in seen] == sorted({snapshot.version for snapshot in seen})


async def test_readiness_says_what_it_waits_for() -> None:
    checks = HealthChecks()
    async with deciding(source_of(BROKEN), checks, lambda _: None, cadence=QUICK) as runtime:
        assert checks.ready().results["first-snapshot"] == "the first snapshot is not built yet"
        await until(lambda: runtime.snapshot is not None)
        assert checks.ready().results["first-snapshot"] in (
            "the sensors' values are not read yet",
            "the first power curves are not predicted yet",
            None,
        )


async def test_a_sensor_that_does_not_answer_delays_readiness_for_a_while_only() -> None:
    checks = HealthChecks()
    async with deciding(source_of(sensor=DOWN), checks, lambda _: None, cadence=QUICK) as runtime:
        await until(lambda: runtime.snapshot is not None)
        runtime.started -= FIRST_CURVES
        assert is_ready(checks)
        runtime.started += FIRST_CURVES
        assert is_ready(checks)  # it stays so


async def test_changes_of_the_cluster_are_new_snapshots_and_nothing_else_is() -> None:
    checks, seen, source = HealthChecks(), list[ClusterSnapshot](), source_of()
    async with deciding(source, checks, seen.append, cadence=QUICK):
        await until(lambda: is_ready(checks))
        source.state.put(Kind.NODE, Node(name="n2", capacity_cores=8.0))
        await until(lambda: seen[-1].names == ("n1", "n2"))
        assert len({snapshot.version for snapshot in seen}) == len(seen)


async def test_a_listener_that_fails_does_not_end_the_work(caplog: pytest.LogCaptureFixture) -> None:
    checks, calls = HealthChecks(), 0

    def listener(_: ClusterSnapshot) -> None:
        nonlocal calls
        calls += 1
        raise ZeroDivisionError("no")

    source = source_of()
    async with deciding(source, checks, listener, cadence=QUICK):
        await until(lambda: calls > 0)
        before = calls
        source.state.put(Kind.NODE, Node(name="n2", capacity_cores=8.0))
        await until(lambda: calls > before)
        assert checks.live().healthy
    assert "cannot build a snapshot" in caplog.text


async def test_liveness_fails_when_no_snapshot_was_built_for_long() -> None:
    checks = HealthChecks()
    async with deciding(source_of(), checks, lambda _: None, cadence=Cadence(refresh=60.0)) as runtime:
        await until(lambda: is_ready(checks))
        runtime.refreshed_at -= 61.0
        assert "no snapshot was built for" in str(checks.live().results["snapshots"])


async def test_without_an_api_server_the_sensors_are_read_even_if_the_metrics_api_was_wanted() -> None:
    checks, seen = HealthChecks(), list[ClusterSnapshot]()
    async with deciding(source_of(), checks, seen.append, cadence=QUICK, inputs=Inputs(metrics_api=True)):
        await until(lambda: seen and seen[-1].inlet_temp.tolist() == [15.5])
