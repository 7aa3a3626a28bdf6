"""A kube-scheduler without filterVerb: one call a pod, and PodSpread and limits by scores."""

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.snapshots import snapshot
from tests.fakes.workloads import spread_state
from wao_core.cluster.records import Kind, Node, OwnerRef, Pod
from wao_core.cluster.state import ClusterState
from wao_scheduler.config import parse_settings
from wao_scheduler.decision_engine import DecisionEngine
from wao_scheduler.decisions import explain

NODES = ["a", "b", "c"]


def engine(state: ClusterState, *, slopes: tuple[float, ...] = (1.0, 2.0, 3.0), **profile: Any) -> DecisionEngine:
    made = DecisionEngine(state, parse_settings({"profiles": {"default": profile}}))
    state.subscribe([Kind.POD], made.assumed_pods.observe)
    made.update(snapshot(NODES, slopes=slopes, inlet_temp=[35.0, 30.0, 30.0]))
    return made


def replica(name: str, node: str | None = None) -> Pod:
    owner = OwnerRef("ReplicaSet", "web-1", "rs")
    return Pod(
        name=name,
        namespace="default",
        uid=f"uid-{name}",
        node_name=node,
        owner=owner,
        labels={"pod-template-hash": "1"},
        cpu_request=1.0,
    )


def test_replicas_spread_although_filter_is_not_called() -> None:
    made = engine(spread_state(replicas=3, rate="1.0"))
    decisions = [made.prioritize(replica(f"w{number}"), NODES) for number in range(3)]
    assert [decision.chosen for decision in decisions] == NODES
    (reason,) = [row["reason"] for row in explain(decisions[1]).rows() if row["node"] == "a"]
    assert str(reason).startswith("PodSpread: node a has 1 of these pods")


def test_the_scores_are_those_of_power_once_enough_replicas_are_placed() -> None:
    made = engine(spread_state(replicas=3, rate="0.5"))
    assert [made.prioritize(replica(f"w{number}"), NODES).chosen for number in range(3)] == ["a", "b", "a"]


def test_replicas_spread_where_power_is_not_scored() -> None:
    made = engine(spread_state(replicas=3, rate="1.0"), minimizePower=False)
    chosen = {made.prioritize(replica(f"w{number}"), NODES).chosen for number in range(3)}
    assert chosen == set(NODES)


@given(
    placed=st.lists(st.sampled_from(NODES), max_size=6),
    regions=st.lists(st.sampled_from(["north", "south"]), min_size=3, max_size=3),
    zones=st.lists(st.sampled_from(["1", "2"]), min_size=3, max_size=3),
)
def test_nodes_that_filter_left_pass_again(placed: list[str], regions: list[str], zones: list[str]) -> None:
    """`prioritize` applies the rule again: in the one region that is left, zones must not begin to count."""
    state = spread_state(replicas=9, rate="1.0")
    for name, region, zone in zip(NODES, regions, zones, strict=True):
        labels = {"topology.kubernetes.io/region": region, "topology.kubernetes.io/zone": f"{region}-{zone}"}
        state.put(Kind.NODE, Node(name=name, labels=labels))
    for number, node in enumerate(placed):
        state.put(Kind.POD, replica(f"w{number}", node))
    made = engine(state)
    left = made.filter(replica("next"), NODES).keep or tuple(NODES)
    assert made.filter(replica("next"), left).keep is None


def test_nodes_beyond_a_limit_get_the_lowest_score_and_the_log_names_the_remedy_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = engine(ClusterState(), inletTempCeiling=35)
    with caplog.at_level(logging.WARNING, "wao.scheduler"):
        for name in ("p", "q"):
            decision = made.prioritize(Pod(name=name, namespace="default", cpu_request=1.0), NODES)
            assert decision.scores.tolist() == [0, 10, 9]
    (message,) = caplog.messages
    assert "set filterVerb: filter" in message
    assert "at the ceiling of 35 degC" in str(explain(decision).rows()[-1]["reason"])
