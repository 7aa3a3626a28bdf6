"""PodSpread on the live cluster, whose watches are never quite in step with the scheduler's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.snapshots import snapshot
from tests.fakes.workloads import NODES, deployment, replica_set, spread_state
from wao_core.cluster.records import Kind, Node, OwnerRef, Pod, Workload, key_of
from wao_core.cluster.state import ClusterState
from wao_scheduler.config import parse_settings
from wao_scheduler.decision_engine import DecisionEngine


def engine(state: ClusterState, nodes: tuple[str, ...] = ("a", "b"), **more: Any) -> DecisionEngine:
    made = DecisionEngine(state, parse_settings({}))
    state.subscribe([Kind.POD], made.assumed_pods.observe)
    made.update(snapshot(nodes, **more))
    return made


def replica(name: str, node: str | None = None, *, owner: str = "rs", **more: Any) -> Pod:
    fields: dict[str, Any] = {
        "namespace": "default",
        "owner": OwnerRef("ReplicaSet", "web-1", owner),
        "labels": {"pod-template-hash": "1"},
        "cpu_request": 1.0,
    }
    return Pod(name=name, uid=f"uid-{name}", node_name=node, **(fields | more))


def test_bound_pods_and_our_own_choices_count() -> None:
    state = spread_state()
    made = engine(state, slopes=[1.0, 5.0])
    state.put(Kind.POD, replica("w1"))
    assert made.filter(replica("w1"), ["a", "b"]).keep is None
    assert made.prioritize(replica("w1"), ["a", "b"]).chosen == "a"
    assert made.filter(replica("w2"), ["a", "b"]).keep == ("b",)


def test_nothing_is_restricted_once_enough_are_placed() -> None:
    state = spread_state(replicas=4, rate="0.5")
    made = engine(state)
    state.put(Kind.POD, replica("w1", "a", phase="Running"))
    assert made.filter(replica("w2"), ["a", "b"]).keep == ("b",)
    state.put(Kind.POD, replica("w2", "b", phase="Running"))
    assert made.filter(replica("w3"), ["a", "b"]).keep is None


def test_finished_and_ending_pods_do_not_count() -> None:
    state = spread_state()
    made = engine(state)
    state.put(Kind.POD, replica("w1", "a", phase="Failed"))
    state.put(Kind.POD, replica("w2", "a", terminating=True))
    assert made.filter(replica("w3"), ["a", "b"]).keep is None
    state.put(Kind.POD, replica("w4", "a", phase="Running"))
    assert made.filter(replica("w3"), ["a", "b"]).keep == ("b",)


def test_a_choice_for_a_pod_that_ends_before_it_is_bound_does_not_count() -> None:
    state = spread_state()
    made = engine(state)
    made.prioritize(replica("w1"), ["a", "b"])
    state.put(Kind.POD, replica("w1", terminating=True))
    assert made.filter(replica("w2"), ["a", "b"]).keep is None


def test_the_same_name_in_another_namespace_is_another_workload() -> None:
    state = spread_state()
    made = engine(state)
    state.put(Kind.POD, replica("x", "a", owner="rs-other", namespace="other", phase="Running"))
    assert made.filter(replica("w1"), ["a", "b"]).keep is None


def test_a_bad_annotation_is_reported_and_restricts_nothing() -> None:
    state = spread_state(rate="often")
    state.put(Kind.POD, replica("w1", "a", phase="Running"))
    result = engine(state).filter(replica("w2"), ["a", "b"])
    assert result.keep is None
    assert result.bad_rate is not None
    assert result.bad_rate.source == "Deployment default/web"


@pytest.mark.parametrize("replicas", [2, 3, 6])
def test_replicas_on_unmeasured_nodes_are_spread_as_well(replicas: int) -> None:
    """No power decides there, but two replicas in a row must not meet."""
    made = engine(spread_state(replicas), NODES, slopes=[np.nan] * 6)
    assert max(burst(made, replicas).values()) == 1


def test_a_node_that_joined_just_now_is_not_the_one_that_all_unmeasured_replicas_go_to() -> None:
    made = engine(spread_state(6), NODES[:-1], slopes=[np.nan] * 5)
    sent = [NODES[-1], *NODES[:-1]]
    chosen = [made.prioritize(replica(f"w{number}"), sent).chosen for number in range(3)]
    assert len({*chosen}) == 3


def burst(made: DecisionEngine, count: int, between: Callable[[], object] = lambda: None) -> Counter[str]:
    """Let pods be decided in a row as kube-scheduler does; `between` happens before each verb."""
    nodes: Counter[str] = Counter()
    for number in range(count):
        asked = replica(f"w{number}")
        between()
        left = made.filter(asked, NODES).keep or NODES
        if len(left) > 1:
            between()
            scores = made.prioritize(asked, left).scores
            left = (left[int(scores.argmax())],)
        nodes[left[0]] += 1
    return nodes


@given(st.integers(2, 6), st.randoms(use_true_random=False), st.booleans())
def test_however_late_the_watches_are_no_two_replicas_meet(count: int, random: Any, with_old: bool) -> None:
    """Of a rollout the Deployment is known; its new ReplicaSet and the pods arrive at any time, or not at all."""
    state = ClusterState()
    state.put(Kind.WORKLOAD, deployment(count))
    for name in NODES:
        state.put(Kind.NODE, Node(name=name))
    if with_old:
        for number, node in enumerate(NODES[:count]):
            state.put(Kind.POD, replica(f"old{number}", node, owner="rs-old", phase="Running"))
    made = engine(state, NODES, slopes=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    sets: list[Workload] = [replica_set()]
    asked = [replica(f"w{number}") for number in range(count)]

    def some_arrive() -> None:
        if sets and random.random() < 0.2:
            state.put(Kind.WORKLOAD, sets.pop())
        for pod in asked:
            chosen = made.assumed_pods.of(pod.uid)
            if chosen is not None and random.random() < 0.3:
                bound = random.random() < 0.5 or key_of(pod) in state.pods
                state.put(Kind.POD, replica(pod.name, chosen.node if bound else None))

    assert max(burst(made, count, some_arrive).values()) == 1
