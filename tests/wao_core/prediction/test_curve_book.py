"""Curves in the background: one call per model, and no model that holds up another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from wao_core.cluster.records import Kind, Node, NodeConfig, NodeMetrics, Pod
from wao_core.cluster.state import ClusterState
from wao_core.collector.store import Sample, SampleStore
from wao_core.prediction.curve_book import Conditions, CurveBook
from wao_core.prediction.snapshot_builder import BATCH, SnapshotBuilder
from wao_predict import Predictor, RemoteError
from wao_predict.endpoint import Endpoint

FAKE = Endpoint("Fake", "")


class Model:
    """Counts its calls; answers a line, fails, or waits for ever."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.error: Exception | None = None

    def predict(self, X: np.ndarray) -> np.ndarray:
        self.calls.append(len(X))
        if self.error is not None:
            raise self.error
        return np.asarray(100.0 + X[:, 0] + X[:, 1])


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """A book over models by endpoint."""

    def __init__(self, *, asks_in_cores: bool = False, **models: Model) -> None:
        self.models = models
        self.clock = Clock()
        self.hanging: set[str] = set()
        self.book = CurveBook(self.open, asks_in_cores=asks_in_cores, clock=self.clock)

    async def open(self, key: Endpoint) -> Predictor:
        if key.url in self.hanging:
            await asyncio.Event().wait()
        return Predictor(self.models[key.url])

    async def ask(self, **conditions: tuple[str, float]) -> None:
        wanted = {node: Conditions(Endpoint("Onnx", model), value, 5.0) for node, (model, value) in conditions.items()}
        self.book.update(wanted)
        await self.book.settle(0.5)


async def test_all_nodes_of_a_model_take_one_call() -> None:
    bench = Bench(m=Model())
    await bench.ask(a=("m", 20.0), b=("m", 25.0))
    assert bench.models["m"].calls == [2 * bench.book.knots.size]
    entry = bench.book.entry("b")
    assert entry is not None
    assert entry.watts[0] == 125.0


@pytest.mark.parametrize(("move", "calls"), [(0.1, 1), (0.3, 2)])
async def test_a_curve_is_made_again_only_when_inputs_move(move: float, calls: int) -> None:
    bench = Bench(m=Model())
    await bench.ask(a=("m", 20.0))
    await bench.ask(a=("m", 20.0 + move))
    assert len(bench.models["m"].calls) == calls


async def test_a_curve_is_made_again_when_it_is_old() -> None:
    bench = Bench(m=Model())
    await bench.ask(a=("m", 20.0))
    bench.clock.now += 901
    await bench.ask(a=("m", 20.0))
    assert len(bench.models["m"].calls) == 2


async def test_a_failing_model_keeps_the_last_curve_and_is_asked_with_backoff() -> None:
    bench = Bench(m=Model())
    await bench.ask(a=("m", 20.0))
    bench.models["m"].error = RemoteError("refused")
    for _ in range(5):
        await bench.ask(a=("m", 30.0))
    assert len(bench.models["m"].calls) == 2
    assert bench.book.problem(Endpoint("Onnx", "m")) == "refused"
    entry = bench.book.entry("a")
    assert entry is not None
    assert entry.conditions.inlet_temp == 20.0
    bench.models["m"].error = None
    bench.clock.now += 120
    await bench.ask(a=("m", 30.0))
    assert bench.book.problem(Endpoint("Onnx", "m")) == ""


async def test_a_hanging_model_holds_up_no_other() -> None:
    bench = Bench(m=Model(), slow=Model())
    bench.hanging.add("slow")
    await bench.ask(a=("m", 20.0), b=("slow", 20.0))
    assert bench.book.entry("a") is not None
    assert bench.book.entry("b") is None
    await bench.book.close()


async def test_a_model_may_be_asked_in_cores() -> None:
    """The reference's cpuUsageFormat Raw: at full load a node of 32 cores is asked for 32, not for 100."""
    bench = Bench(m=Model(), asks_in_cores=True)
    wanted = {name: Conditions(Endpoint("Onnx", "m"), 0.0, 0.0, cores) for name, cores in (("a", 32.0), ("b", 8.0))}
    bench.book.update(wanted)
    await bench.book.settle(0.5)
    for name, cores in (("a", 32.0), ("b", 8.0)):
        entry = bench.book.entry(name)
        assert entry is not None
        assert (entry.watts[0], entry.watts[-1]) == (100.0, 100.0 + cores)
    bench.book.update({"a": Conditions(Endpoint("Onnx", "m"), 0.0, 0.0, 64.0)})  # a node that grew
    await bench.book.settle(0.5)
    entry = bench.book.entry("a")
    assert entry is not None
    assert entry.watts[-1] == 164.0


async def test_a_model_that_states_its_cpu_loads_is_asked_in_percent_all_the_same() -> None:
    class Stated(Model):
        knots = np.array([0.0, 50.0, 100.0])

    bench = Bench(m=Stated(), asks_in_cores=True)
    bench.book.update({"a": Conditions(Endpoint("Onnx", "m"), 0.0, 0.0, 32.0)})
    await bench.book.settle(0.5)
    entry = bench.book.entry("a")
    assert entry is not None
    assert entry.watts[-1] == 200.0


async def test_settled_means_that_nothing_more_will_come_now() -> None:
    bench = Bench(m=Model(), bad=Model())
    bench.models["bad"].error = RemoteError("refused")
    bench.book.update(
        {"a": Conditions(Endpoint("Onnx", "m"), 20.0, 5.0), "b": Conditions(Endpoint("Onnx", "bad"), 2, 5)}
    )
    assert not bench.book.settled
    await bench.book.settle(0.5)
    assert bench.book.settled


async def test_nodes_and_models_that_are_gone_are_forgotten() -> None:
    bench = Bench(m=Model())
    await bench.ask(a=("m", 20.0), b=("m", 20.0))
    await bench.ask(a=("m", 20.0))
    assert bench.book.entry("b") is None


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

    def __init__(self, *names: str) -> None:
        self.bench = Bench(m=Model(), other=Model())
        self.bench.clock.now = 10_000.0
        self.state, self.store = ClusterState(), SampleStore()
        for name in names:
            self.state.put(Kind.NODE, Node(name=name, capacity_cores=32.0, allocatable_cores=30.0))
            self.state.put(Kind.NODE_CONFIG, config(name))
            self.state.put(Kind.NODE_METRICS, NodeMetrics(name=name, cpu_cores=2.0, timestamp=9_990.0, window=15.0))
            for metric, value in (("inlet_temp", 22.0), ("delta_p", 5.0)):
                self.store.put(name, metric, Sample(value, 9_999.0))
        self.builder = SnapshotBuilder(self.state, self.store, self.bench.book, clock=self.bench.clock)

    async def look(self) -> None:
        self.builder.refresh()
        await self.bench.book.settle(0.5)
        self.builder.refresh()

    def reason(self, name: str) -> str:
        snapshot = self.builder.current
        assert snapshot is not None
        return snapshot.reasons[snapshot.index[name]]


async def test_a_snapshot_has_arrays_in_the_order_of_names() -> None:
    cluster = Cluster("b", "a")
    await cluster.look()
    snapshot = cluster.builder.current
    assert snapshot is not None
    assert snapshot.names == ("a", "b")
    assert snapshot.cpu_usage.tolist() == [6.25, 6.25]
    assert snapshot.allocatable_cores.tolist() == [30.0, 30.0]
    assert snapshot.curves.at([0.0, 100.0]).tolist() == [122.0, 222.0]
    assert snapshot.reasons == ("", "")
    assert snapshot.models == ("Onnx m", "Onnx m")


async def test_nothing_is_built_when_nothing_moved() -> None:
    cluster = Cluster("a")
    await cluster.look()
    first = cluster.builder.current
    assert cluster.builder.refresh() is first
    cluster.state.put(Kind.NODE_METRICS, NodeMetrics(name="a", cpu_cores=3.0, timestamp=9_995.0))
    assert cluster.builder.refresh() is not first


async def test_a_snapshot_of_many_nodes_is_made_in_turns_with_others() -> None:
    """The event loop answers requests between the steps; a node that goes meanwhile is unknown in this snapshot."""
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
async def test_fallbacks_are_told(change: Change, words: str, known: bool) -> None:
    cluster = Cluster("a", "b")
    change(cluster)
    await cluster.look()
    snapshot = cluster.builder.current
    assert snapshot is not None
    assert words in cluster.reason("a")
    assert bool(snapshot.curves.known[0]) is known
    assert cluster.reason("b") == ""


async def test_without_any_value_of_its_class_a_node_is_unknown_with_the_cause() -> None:
    cluster = Cluster("a")
    cluster.store.remove("a", "inlet_temp")
    cluster.store.fail("a", "inlet_temp", "the BMC refused the credentials", ttl=60)
    await cluster.look()
    assert "no inlet_temp: the BMC refused the credentials" in cluster.reason("a")
    snapshot = cluster.builder.current
    assert snapshot is not None
    assert not snapshot.curves.known.any()


async def test_a_model_that_fails_is_told() -> None:
    cluster = Cluster("a")
    cluster.bench.models["m"].error = RemoteError("connection refused")
    await cluster.look()
    assert cluster.reason("a") == "no power curve yet: connection refused"


async def test_a_new_node_of_a_model_that_is_away_has_the_curve_of_its_like() -> None:
    cluster = Cluster("a", "b")
    cluster.store.put("b", "inlet_temp", Sample(30.0, 9_999.0))
    await cluster.look()
    cluster.bench.models["m"].error = RemoteError("connection refused")
    cluster.state.put(Kind.NODE, Node(name="c", capacity_cores=32.0))
    cluster.state.put(Kind.NODE_CONFIG, config("c"))
    cluster.store.put("c", "inlet_temp", Sample(29.0, 9_999.0))
    cluster.store.put("c", "delta_p", Sample(5.0, 9_999.0))
    await cluster.look()
    snapshot = cluster.builder.current
    assert snapshot is not None
    assert snapshot.curves.watts[2].tolist() == snapshot.curves.watts[1].tolist()
    assert cluster.reason("c") == "no power curve yet: connection refused; that of a node with the same model"


async def test_heartbeats_and_pods_ask_for_no_new_snapshot() -> None:
    cluster = Cluster("a")
    await cluster.look()
    first = cluster.builder.current
    beat = Node(name="a", capacity_cores=32.0, allocatable_cores=30.0, annotations={"beat": "7"})
    cluster.state.put(Kind.NODE, beat)
    cluster.state.put(Kind.POD, Pod(name="p", namespace="n"))
    assert cluster.builder.refresh() is first
    cluster.state.put(Kind.NODE, Node(name="a", capacity_cores=64.0, allocatable_cores=60.0))
    assert cluster.builder.refresh().capacity_cores.tolist() == [64.0]


async def test_of_two_node_configs_the_oldest_wins() -> None:
    cluster = Cluster("a")
    cluster.state.put(Kind.NODE_CONFIG, config("a", "other", created=0.5, name="older"))
    await cluster.look()
    snapshot = cluster.builder.current
    assert snapshot is not None
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
    """The last values stand in, and are told; after a quarter of an hour the nodes are unknown."""
    cluster = Cluster("a", "b")
    await cluster.look()
    before = cluster.builder.refresh().curves.watts
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
    await cluster.look()
    snapshot = cluster.builder.current
    assert snapshot is not None
    assert np.isnan(snapshot.cpu_usage).all()


async def test_nodes_come_and_go() -> None:
    cluster = Cluster("a", "b")
    await cluster.look()
    cluster.state.remove(Kind.NODE, "a")
    cluster.state.put(Kind.NODE, Node(name="c", capacity_cores=8.0))
    await cluster.look()
    snapshot = cluster.builder.current
    assert snapshot is not None
    assert snapshot.names == ("b", "c")
