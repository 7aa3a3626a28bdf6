"""Decisions on snapshots: the cheapest node, bursts, unknown nodes, limits and spreading."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fakes.fleets import CONDITIONS, fleet_of
from tests.fakes.snapshots import snapshot
from wao_core.cluster.names import DRAINING
from wao_core.cluster.records import Kind, Node, Pod, Taint
from wao_core.cluster.state import ClusterState
from wao_predict.curves import PowerCurves, monotone
from wao_predict.fleet import Fleet
from wao_predict.increase import watt_increase
from wao_scheduler.config import SchedulerSettings, parse_settings
from wao_scheduler.decision_engine import DecisionEngine
from wao_scheduler.decisions import explain


def engine(state: ClusterState | None = None, **profile: Any) -> DecisionEngine:
    settings = parse_settings({"profiles": {"default": profile}}) if profile else SchedulerSettings()
    return DecisionEngine(state or ClusterState(), settings)


def pod(name: str = "p", cpu: float | None = 1.0, **more: Any) -> Pod:
    return Pod(**{"name": name, "namespace": "default", "uid": f"uid-{name}", "cpu_request": cpu} | more)


TABLES = Path(__file__).parents[2] / "examples" / "data" / "power"
PLANES = {
    kind: np.loadtxt(TABLES / f"{kind}.csv", delimiter=",", skiprows=1)[:, 3].reshape(-1, 41) for kind in CONDITIONS
}
"""Published watts by type: a power curve for each inlet temperature and pressure difference."""


def published(kind: str, rows: np.ndarray) -> Fleet:
    """Return nodes of a type with the published curves of these planes."""
    knots = np.append(0.0, np.arange(1, 41) * 2.5)
    curves = PowerCurves(knots, np.array([monotone(PLANES[kind][row]) for row in rows]))
    names = tuple(f"n{number}" for number in range(len(rows)))
    return Fleet(names, curves, np.full(len(rows), 32.0), np.zeros(len(rows)))


def scores(made: DecisionEngine, names: list[str], asked: Pod | None = None) -> dict[str, int]:
    decision = made.prioritize(asked or pod(), names)
    return dict(zip(names, decision.scores.tolist(), strict=True))


def test_the_node_that_costs_least_wins() -> None:
    made = engine()
    made.update(snapshot(["a", "b", "c"], slopes=[3.0, 1.0, 2.0]))
    assert scores(made, ["c", "a", "b"]) == {"b": 10, "c": 9, "a": 8}


def test_an_unmeasured_node_ranks_below_every_measured_one_with_a_reason() -> None:
    made = engine()
    made.update(snapshot(["a", "b"], slopes=[float("nan"), 9.0], reasons=["no NodeConfig for this node", ""]))
    decision = made.prioritize(pod(), ["a", "b", "ghost"])
    assert decision.scores.tolist() == [0, 10, 0]
    explained = {row["node"]: row for row in explain(decision).rows()}
    assert explained["a"]["reason"] == "no NodeConfig for this node"
    assert "not in the snapshot" in str(explained["ghost"]["reason"])
    assert explained["b"]["watts_before"] == 100.0
    assert explained["b"]["increase"] == pytest.approx(90.0)


def test_a_node_that_is_being_drained_ranks_below_every_other_one() -> None:
    state = ClusterState()
    made = engine(state)
    made.update(snapshot(["a", "b", "c"], slopes=[1.0, 2.0, 3.0]))
    state.put(Kind.NODE, Node(name="a", taints=(Taint(DRAINING, "rebalance", "PreferNoSchedule"),)))
    decision = made.prioritize(pod(), ["a", "b", "c"])
    assert (decision.chosen, decision.scores.tolist()) == ("b", [0, 10, 9])
    assert explain(decision).rows()[-1]["reason"] == "rebalance is draining this node"
    state.put(Kind.NODE, Node(name="a"))
    assert made.prioritize(pod("q"), ["a", "b", "c"]).chosen == "a"


def test_a_sample_that_is_too_old_is_unknown() -> None:
    made = engine()
    made.update(snapshot(["a"], usage_at=time.time() - 10_000))
    decision = made.prioritize(pod(), ["a"])
    assert decision.scores.tolist() == [0]
    assert "no recent CPU sample" in str(explain(decision).rows()[0]["reason"])


@pytest.mark.parametrize("uid", [None, ""], ids=["uid", "without uid"])
def test_a_burst_does_not_herd(uid: str | None) -> None:
    """100 one-core pods in a row on frozen metrics: every node is filled, none beyond its room."""
    made = engine()
    names = [f"n{number}" for number in range(20)]
    made.update(snapshot(names, slopes=np.linspace(1, 2, 20), capacity=10.0))
    pods = [pod(f"p{number}", uid=f"u{number}" if uid is None else uid) for number in range(100)]
    chosen = [made.prioritize(item, names).chosen for item in pods]
    counts = {name: chosen.count(name) for name in names}
    assert max(counts.values()) <= 10
    assert [counts[name] for name in names[:10]] == [10] * 10


def test_a_burst_ends_within_one_percent_of_the_exact_optimum() -> None:
    """The third case of the reference's measurements: ten of each type, 400 pods of 2 cores."""
    fleet = fleet_of(**dict.fromkeys(CONDITIONS, 10))
    made = engine()
    made.update(snapshot(fleet.names, watts=fleet.curves.watts, knots=fleet.curves.knots, capacity=32.0))
    chosen = [made.prioritize(pod(f"p{number}", 2.0), fleet.names).chosen for number in range(400)]
    used = np.array([2.0 * chosen.count(name) for name in fleet.names])
    total = fleet.with_usage(used).watts().sum()
    best = fleet.watts().sum() + fleet.what_if(2.0, 400).total_increase
    assert total <= 1.01 * best


@pytest.mark.parametrize("kind", list(CONDITIONS))
@pytest.mark.parametrize("percent", [0.25, 1.0, 5.0])
def test_on_published_curves_one_node_wins_and_it_is_the_cheapest(kind: str, percent: float) -> None:
    """Fifty nodes of a type at random load. In whole watts, 12 to 49 of them tie for the reference."""
    draw = np.random.default_rng(7)
    rows = draw.choice(len(PLANES[kind]), 50)
    fleet = published(kind, rows)
    load = draw.uniform(5.0, 70.0, 50)
    made = engine()
    made.update(
        snapshot(
            fleet.names, watts=fleet.curves.watts, knots=fleet.curves.knots, capacity=32.0, usage=(0.32 * load).tolist()
        )
    )
    decision = made.prioritize(pod(cpu=0.32 * percent), fleet.names)
    increase = watt_increase(fleet.curves, load, percent)
    assert (decision.scores == 10).sum() == 1
    assert increase[int(decision.scores.argmax())] == pytest.approx(increase.min(), abs=1e-6)


def test_a_retry_of_the_same_pod_does_not_count_against_itself() -> None:
    made = engine()
    made.update(snapshot(["a", "b"], slopes=[1.0, 1.2], capacity=1.0))
    assert made.prioritize(pod(), ["a", "b"]).chosen == "a"
    assert made.prioritize(pod(), ["a", "b"]).chosen == "a"
    assert made.prioritize(pod("q"), ["a", "b"]).chosen == "b"


@pytest.mark.parametrize("cpu", [None, 0.0])
def test_a_pod_without_request_counts_with_the_default(cpu: float | None) -> None:
    made = engine(defaultCpu="250m")
    made.update(snapshot(["a"]))
    decision = made.prioritize(pod(cpu=cpu), ["a"])
    assert (decision.cpu_cores, decision.cpu_source) == (0.25, "defaultCpu")


def test_pods_of_other_schedulers_pass_through() -> None:
    made = engine(schedulerNames=["wao-scheduler"])
    made.update(snapshot(["a", "b"]))
    assert set(scores(made, ["a", "b"], pod(scheduler_name="default-scheduler")).values()) == {0}
    assert max(scores(made, ["a", "b"], pod(scheduler_name="wao-scheduler")).values()) == 10


@pytest.mark.parametrize(
    ("scheduler", "cores"), [("green-scheduler", 0.5), ("green", 0.5), ("default-scheduler", 1.0), ("other", 1.0)]
)
def test_a_bound_pod_is_counted_as_its_own_profile_counts(scheduler: str, cores: float) -> None:
    profiles = {"default": {}, "green": {"podUsageAssumption": 0.5, "schedulerNames": ["green-scheduler"]}}
    made = DecisionEngine(ClusterState(), parse_settings({"profiles": profiles}))
    made.update(snapshot(["a"]))
    made.assumed_pods.observe_pod(pod(scheduler_name=scheduler, node_name="a"))
    assert made.assumed_pods.cores.tolist() == [cores]


@pytest.mark.parametrize("first", [None, []])
def test_without_nodes_there_is_a_clear_error_and_nothing_is_refused(first: list[str] | None) -> None:
    made = engine(inletTempCeiling=35)
    if first is not None:
        made.update(snapshot(first))
    with pytest.raises(LookupError, match="not complete yet, or there are no nodes"):
        made.prioritize(pod(), ["a"])
    assert made.filter(pod(), ["a"]).keep is None


def test_a_node_that_is_the_only_one_left_counts_as_chosen() -> None:
    """kube-scheduler does not ask to prioritize one node; the next pod must know of it all the same."""
    made = engine()
    made.update(snapshot(["a", "b"], slopes=[1.0, 1.2], capacity=1.0))
    assert made.filter(pod(), ["a"]).keep is None
    assert made.prioritize(pod("q"), ["a", "b"]).chosen == "b"


def test_proportional_scores_count_watts() -> None:
    made = engine(scoreMode="proportional", pointsPerWatt=100)
    made.update(snapshot(["a", "b"], slopes=[1.0, 1.5]))
    found = scores(made, ["a", "b"])
    assert found["a"] - found["b"] == 500  # 5 W


def test_a_node_at_the_temperature_ceiling_is_refused() -> None:
    made = engine(inletTempCeiling=35)
    made.update(snapshot(["a", "b"], inlet_temp=[35.0, 30.0]))
    result = made.filter(pod(), ["a", "b", "ghost"])
    assert result.keep == ("b", "ghost")
    assert "35.0 degC is at the ceiling of 35 degC" in result.failed["a"]


def test_a_group_beyond_its_power_cap_is_refused() -> None:
    state = ClusterState()
    for name, rack in (("a", "r1"), ("b", "r1"), ("c", "r2")):
        state.put(Kind.NODE, Node(name=name, labels={"rack": rack}))
    made = engine(state, powerCap={"label": "rack", "watts": {"r1": 205, "*": 500}})
    made.update(snapshot(["a", "b", "c"], slopes=[1.0, 1.0, 1.0]))
    result = made.filter(pod(), ["a", "b", "c"])
    assert result.keep == ("c",)
    assert "power cap of group r1: 210 W with this pod, 205 W allowed" in result.failed["a"]


def test_candidates_that_were_prepared_are_scored_by_the_snapshot_that_is_there_then() -> None:
    names = ("b", "ghost", "a")
    made = DecisionEngine(ClusterState(), parse_settings({}))
    made.prepare(names)  # before the first snapshot
    made.update(snapshot(["a", "b"], slopes=[1.0, 2.0]))
    made.prepare(names)
    assert made.prioritize(pod(), names).chosen == "a"
    made.update(snapshot(["ghost", "b", "a"], slopes=[0.5, 2.0, 1.0]))
    assert made.prioritize(pod(), names).chosen == "ghost"


STEEP = np.array([[200.0, 500.0, 520.0], [200.0, 220.0, 330.0]])
"""Watts at 0, 10 and 100 %: a server whose first load is expensive, and one that is cheap as a whole."""


def running(**more: Any) -> Any:
    return snapshot(["steep", "cheap"], watts=STEEP, knots=np.array([0.0, 10.0, 100.0]), usage=[5.0, 2.0], **more)


def test_the_floor_rule_lets_an_expensive_server_drain() -> None:
    for rule, best in (("lookahead", "steep"), ("floor", "cheap")):
        made = engine(rule=rule)
        made.update(running(floor=[0.0, 0.0]))
        assert made.prioritize(pod(), ["steep", "cheap"]).chosen == best


def test_the_floor_rule_treats_a_load_that_never_ended_as_permanent() -> None:
    made = engine(rule="floor")
    made.update(running(floor=[5.0, 2.0]))
    assert made.prioritize(pod(), ["steep", "cheap"]).chosen == "steep"
    made.update(running(floor=[0.0, 0.0], version=2))
    assert made.prioritize(pod("q"), ["steep", "cheap"]).chosen == "cheap"


@pytest.mark.parametrize(
    ("since", "words"),
    [(0.0, "the floors are the present loads, because no earlier loads are known"), (7200.0, "of the last 2.0 h")],
)
def test_an_explanation_says_which_time_the_floors_cover(since: float, words: str) -> None:
    made = engine(rule="floor")
    made.update(running(floor=[0.5, 0.25], floor_since=time.time() - since))
    explained = explain(made.prioritize(pod(), ["steep", "cheap"]))
    assert words in explained.summary()
    assert [row["floor_cores"] for row in explained.rows()] == [0.25, 0.5]
    assert explained.as_dict()["floor_history"] == pytest.approx(since, abs=5.0)


def test_other_rules_do_not_mention_floors() -> None:
    made = engine()
    made.update(running())
    explained = explain(made.prioritize(pod(), ["steep", "cheap"]))
    assert explained.floor_history is None
    assert "floor" not in explained.summary()
