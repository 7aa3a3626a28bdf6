"""Snapshots as they are built: arrays, fallbacks, and when a new one is due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from tests.fakes.curves import CurveBench, FakeModel
from wao_core.cluster.records import Calibration, Kind, Node, NodeConfig, NodeMetrics, Pod
from wao_core.cluster.state import ClusterState
from wao_core.collector.store import Sample, SampleStore
from wao_core.prediction.snapshot import ClusterSnapshot
from wao_core.prediction.snapshot_builder import BATCH, SnapshotBuilder
from wao_predict.calibration.correction import Correction
from wao_predict.endpoint import Endpoint
from wao_predict.errors import RemoteError


def config(node: str, endpoint: str = "m", *, created: float = 1.0, name: str = "") -> NodeConfig:
    return NodeConfig(
        name=name or node,
        namespace="w",
        node_name=node,
        created=created,
        power_consumption=Endpoint("Onnx", endpoint),
    )


class Cluster:
    """A state, a store and a builder over a bench."""

    def __init__(self, *names: str, asks_in_cores: bool = False) -> None:
        self.bench = CurveBench(asks_in_cores=asks_in_cores, m=FakeModel(), other=FakeModel())
        self.bench.clock.now = 10_000.0
        self.state, self.store = ClusterState(), SampleStore()
        for name in names:
            self.state.put(Kind.NODE, Node(name=name, capacity_cores=32.0, allocatable_cores=30.0))
            self.state.put(Kind.NODE_CONFIG, config(name))
            self.state.put(Kind.NODE_METRICS, NodeMetrics(name=name, cpu_cores=2.0, timestamp=9_990.0, window=15.0))
            for metric, value in (("inlet_temp", 22.0), ("delta_p", 5.0)):
                self.store.put(name, metric, Sample(value, 9_999.0))
        self.builder = SnapshotBuilder(self.state, self.store, self.bench.book, clock=self.bench.clock)

    async def settle(self) -> ClusterSnapshot:
        """Build snapshots until the curves that the first one asks for are in, and return the last."""
        self.builder.refresh()
        await self.bench.book.settle(0.5)
        return self.builder.refresh()

    def reason(self, name: str) -> str:
        snapshot = self.builder.current
        assert snapshot is not None
        return snapshot.reasons[snapshot.index[name]]


async def test_a_snapshot_has_arrays_in_the_order_of_names() -> None:
    cluster = Cluster("b", "a")
    snapshot = await cluster.settle()
    assert snapshot.names == ("a", "b")
    assert snapshot.cpu_usage.tolist() == [6.25, 6.25]
    assert snapshot.allocatable_cores.tolist() == [30.0, 30.0]
    assert snapshot.curves.at([0.0, 100.0]).tolist() == [122.0, 222.0]
    assert snapshot.reasons == ("", "")
    assert snapshot.models == ("Onnx m", "Onnx m")


async def test_nothing_is_built_if_nothing_changed() -> None:
    cluster = Cluster("a")
    first = await cluster.settle()
    assert cluster.builder.refresh() is first
    cluster.state.put(Kind.NODE_METRICS, NodeMetrics(name="a", cpu_cores=3.0, timestamp=9_995.0))
    assert cluster.builder.refresh() is not first


async def test_a_snapshot_of_many_nodes_is_made_in_turns_with_others() -> None:
    """The event loop runs between the steps; a node that is removed meanwhile is unknown in this snapshot."""
    names = [f"n{row:04}" for row in range(3 * BATCH)]
    cluster, turns = Cluster(*names), 0
    made = asyncio.ensure_future(cluster.builder.refresh_in_turns())
    while not made.done():
        assert not cluster.builder.up_to_date
        await asyncio.sleep(0)
        turns += 1
        if turns == 3:
            cluster.state.remove(Kind.NODE, names[-1])
    assert turns > 6
    snapshot = made.result()
    assert len(snapshot) == len(names)
    assert np.isnan(snapshot.capacity_cores).tolist() == [False] * (len(names) - 1) + [True]
    assert len(cluster.builder.refresh()) == len(names) - 1


Change = Callable[[Cluster], None]


@pytest.mark.parametrize(
    ("change", "words", "known"),
    [
        (lambda c: c.store.put("a", "inlet_temp", Sample(22.0, 9_900.0)), "inlet_temp is 100 s old: last value", True),
        (
            lambda c: c.store.put("a", "inlet_temp", Sample(22.0, 1_000.0)),
            "no inlet_temp: mean of its model's nodes",
            True,
        ),
        (lambda c: c.store.remove("a", "delta_p"), "no delta_p: mean of its model's nodes", True),
        (lambda c: c.state.remove(Kind.NODE_CONFIG, "w/a"), "no NodeConfig for this node", False),
        (
            lambda c: c.state.put(Kind.NODE_CONFIG, NodeConfig(name="a", namespace="w", node_name="a")),
            "names no predictor",
            False,
        ),
    ],
)
async def test_fallbacks_are_stated(change: Change, words: str, known: bool) -> None:
    cluster = Cluster("a", "b")
    change(cluster)
    snapshot = await cluster.settle()
    assert words in cluster.reason("a")
    assert bool(snapshot.curves.known[0]) is known
    assert cluster.reason("b") == ""


async def test_a_node_without_a_value_or_a_mean_is_unknown_and_states_the_cause() -> None:
    cluster = Cluster("a")
    cluster.store.remove("a", "inlet_temp")
    cluster.store.fail("a", "inlet_temp", "the BMC refused the credentials", ttl=60)
    await cluster.settle()
    assert "no inlet_temp: the BMC refused the credentials" in cluster.reason("a")
    snapshot = cluster.builder.current
    assert snapshot is not None
    assert not snapshot.curves.known.any()


async def test_a_failing_model_is_stated() -> None:
    cluster = Cluster("a")
    cluster.bench.models["m"].error = RemoteError("connection refused")
    await cluster.settle()
    assert cluster.reason("a") == "no power curve yet: connection refused"


async def test_a_new_node_of_a_failing_model_gets_the_curve_of_a_similar_node() -> None:
    cluster = Cluster("a", "b")
    cluster.store.put("b", "inlet_temp", Sample(30.0, 9_999.0))
    await cluster.settle()
    cluster.bench.models["m"].error = RemoteError("connection refused")
    cluster.state.put(Kind.NODE, Node(name="c", capacity_cores=32.0))
    cluster.state.put(Kind.NODE_CONFIG, config("c"))
    cluster.store.put("c", "inlet_temp", Sample(29.0, 9_999.0))
    cluster.store.put("c", "delta_p", Sample(5.0, 9_999.0))
    snapshot = await cluster.settle()
    assert snapshot.curves.watts[2].tolist() == snapshot.curves.watts[1].tolist()
    assert cluster.reason("c") == "no power curve yet: connection refused; using that of a node with the same model"


async def test_heartbeats_and_pods_cause_no_new_snapshot() -> None:
    cluster = Cluster("a")
    first = await cluster.settle()
    beat = Node(name="a", capacity_cores=32.0, allocatable_cores=30.0, annotations={"beat": "7"})
    cluster.state.put(Kind.NODE, beat)
    cluster.state.put(Kind.POD, Pod(name="p", namespace="n"))
    assert cluster.builder.refresh() is first
    cluster.state.put(Kind.NODE, Node(name="a", capacity_cores=64.0, allocatable_cores=60.0))
    assert cluster.builder.refresh().capacity_cores.tolist() == [64.0]


async def test_of_two_node_configs_the_oldest_wins() -> None:
    cluster = Cluster("a")
    cluster.state.put(Kind.NODE_CONFIG, config("a", "other", created=0.5, name="older"))
    snapshot = await cluster.settle()
    assert snapshot.models == ("Onnx other",)


async def test_a_node_that_one_list_leaves_out_keeps_its_cpu_sample_for_a_while() -> None:
    cluster = Cluster("a")
    cluster.state.remove(Kind.NODE_METRICS, "a")
    cluster.bench.clock.now += 60
    snapshot = cluster.builder.refresh()
    assert (snapshot.usage_cores.tolist(), snapshot.usage_at.tolist()) == ([2.0], [9_990.0])
    assert "cpu_usage is 70 s old: last value" in snapshot.reasons[0]
    cluster.bench.clock.now += 900
    assert np.isnan(cluster.builder.refresh().usage_cores).all()


async def test_all_sources_away_for_ten_minutes_change_no_curve() -> None:
    """The last values are used, and the reasons say so; after 15 minutes the nodes are unknown."""
    cluster = Cluster("a", "b")
    before = (await cluster.settle()).curves.watts
    for _ in range(60):
        cluster.bench.clock.now += 10
        cluster.builder.refresh()
    assert cluster.builder.refresh().curves.watts.tolist() == before.tolist()
    assert "inlet_temp is 601 s old: last value" in cluster.reason("a")
    cluster.bench.clock.now += 600
    assert not cluster.builder.refresh().curves.known.any()


async def test_a_node_without_metrics_has_no_usage_and_one_without_capacity_no_percent() -> None:
    cluster = Cluster("a", "b")
    cluster.state.remove(Kind.NODE, "a")
    cluster.state.remove(Kind.NODE_METRICS, "a")
    cluster.state.put(Kind.NODE, Node(name="a", capacity_cores=32.0))
    cluster.state.put(Kind.NODE, Node(name="b"))
    snapshot = await cluster.settle()
    assert np.isnan(snapshot.cpu_usage).all()


async def test_nodes_come_and_go() -> None:
    cluster = Cluster("a", "b")
    await cluster.settle()
    cluster.state.remove(Kind.NODE, "a")
    cluster.state.put(Kind.NODE, Node(name="c", capacity_cores=8.0))
    snapshot = await cluster.settle()
    assert snapshot.names == ("b", "c")


async def test_a_node_without_capacity_has_no_curve_if_models_expect_cores() -> None:
    cluster = Cluster("a", asks_in_cores=True)
    cluster.state.put(Kind.NODE, Node(name="a"))
    snapshot = await cluster.settle()
    assert snapshot.reasons == ("its CPU capacity is not known",)
    assert not snapshot.curves.known.any()


async def test_snapshots_of_the_same_nodes_share_the_names() -> None:
    """The scheduler keeps what it computed per row from one snapshot to the next."""
    cluster = Cluster("a")
    first = await cluster.settle()
    cluster.state.put(Kind.NODE_METRICS, NodeMetrics(name="a", cpu_cores=3.0, timestamp=9_995.0))
    assert cluster.builder.refresh().names is first.names


async def test_a_snapshot_is_read_only_and_the_next_one_is_built_all_the_same() -> None:
    cluster = Cluster("a")
    snapshot = await cluster.settle()
    with pytest.raises(ValueError, match="read-only"):
        snapshot.usage_cores[0] = 1.0
    cluster.state.put(Kind.NODE, Node(name="b", capacity_cores=8.0))
    assert cluster.builder.refresh().names == ("a", "b")
    assert snapshot.names == ("a",)


@pytest.mark.parametrize(
    ("features", "sensors", "reason"),
    [
        (("cpu_usage",), {}, ""),
        (("cpu_usage", "inlet_temp"), {"inlet_temp": 22.0}, ""),
        (("inlet_temp", "cpu_usage"), {"inlet_temp": 22.0, "delta_p": 5.0}, ""),
        (("cpu_usage", "inlet_temp"), {"delta_p": 5.0}, "no inlet_temp"),
        (("cpu_usage", "inlet_temp", "delta_p"), {"inlet_temp": 22.0}, "no delta_p"),
        (("cpu_usage", "delta_p"), {"delta_p": 5.0}, ""),
        (("cpu_usage", "gpu_usage"), {}, "its model needs gpu_usage, which is not collected"),
    ],
    ids=str,
)
async def test_a_node_needs_the_sensors_of_its_models_features_only(
    features: tuple[str, ...], sensors: dict[str, float], reason: str
) -> None:
    cluster = Cluster("a")
    cluster.bench.models["m"] = FakeModel(features)
    for metric in {"inlet_temp", "delta_p"} - sensors.keys():
        cluster.store.remove("a", metric)
    snapshot = await cluster.settle()
    assert cluster.reason("a") == reason
    assert snapshot.curves.known.tolist() == [reason == ""]


async def test_a_model_is_opened_once_even_if_no_node_has_what_it_needs() -> None:
    cluster = Cluster("a", "b")
    for node in ("a", "b"):
        cluster.store.remove(node, "delta_p")
    for _ in range(3):
        snapshot = await cluster.settle()
        cluster.bench.clock.now += 10
    assert not snapshot.curves.known.any()
    assert cluster.bench.book.settled
    assert sum(cluster.bench.models["m"].calls) == 0
    cluster.store.put("b", "delta_p", Sample(5.0, cluster.bench.clock.now))
    snapshot = await cluster.settle()  # the mean of the model's nodes replaces the value of a
    assert snapshot.curves.known.all()


async def test_the_residual_is_the_measured_minus_the_predicted_power() -> None:
    cluster = Cluster("a", "b", "c")
    cluster.store.put("a", "power_watts", Sample(130.0, 9_999.0))
    cluster.store.put("b", "power_watts", Sample(130.0, 9_000.0))  # too old
    snapshot = await cluster.settle()
    assert snapshot.residual_watts.tolist()[0] == 130.0 - (122.0 + 6.25)
    assert np.isnan(snapshot.residual_watts[1:]).all()


async def test_a_correction_of_the_model_is_part_of_the_curve() -> None:
    cluster = Cluster("a", "b", "c")
    for node, mode, model in (("a", "Apply", "Onnx m"), ("b", "Shadow", "Onnx m"), ("c", "Apply", "Onnx other")):
        calibration = Calibration(mode=mode, model=model, used=Correction(1.1, -2.0))
        cluster.state.put(Kind.NODE_CONFIG, msgspec.structs.replace(config(node), calibration=calibration))
    snapshot = await cluster.settle()
    assert snapshot.curves.at([100.0] * 3).round(6).tolist() == [242.2, 222.0, 222.0]
