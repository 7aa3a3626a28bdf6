"""The decision of standby: a table of rules, and what no decision violates."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.standby_nodes import HOUR, standby_nodes
from wao_predict import UsageError
from wao_predict.standby import (
    ActionKind,
    Decision,
    History,
    NodeState,
    PodGroup,
    StandbyNodes,
    StandbySettings,
    decide,
)

NONE = PodGroup.none()
PLAIN = StandbySettings(hysteresis_percent=0.0)


def shown(decision: Decision) -> list[tuple[str, int]]:
    return [(action.kind.value, action.node) for action in decision.actions]


def stopped(nodes: StandbyNodes, history: History | None = None, pending: PodGroup = NONE, **more: Any) -> list[int]:
    decision = decide(nodes, pending, history or History(), replace(PLAIN, **more), may_stop=True)
    assert all(action.kind is ActionKind.STOP for action in decision.actions)
    return [action.node for action in decision.actions]


def started(nodes: StandbyNodes, pending: PodGroup = NONE, history: History | None = None, **more: Any) -> list[int]:
    decision = decide(nodes, pending, history or History(), replace(PLAIN, **more), may_stop=True)
    assert all(action.kind is ActionKind.START for action in decision.actions)
    return [action.node for action in decision.actions]


def test_the_empty_nodes_with_the_most_watts_per_core_stop_first() -> None:
    assert stopped(standby_nodes("ON ON ON ON", watts_per_core=[9.0, 12.0, 8.0, 10.0])) == [1, 3, 0]


def test_a_node_without_a_curve_stops_last_and_starts_last() -> None:
    unknown = [np.nan, 5.0, 6.0]
    assert stopped(standby_nodes("ON ON ON", watts_per_core=unknown)) == [2, 1]
    assert started(standby_nodes("OFF OFF OFF", watts_per_core=unknown), spare_cores=65.0) == [1, 2, 0]


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"wake_tested": False}, "its start has never been tested"),
        ({"schedulable": False}, "it is cordoned or not ready"),
        ({"empty_seconds": 600.0}, "empty for less than 15 min"),
        ({"state_seconds": 600.0}, "on for less than 15 min"),
        ({"state_seconds": np.nan}, "on for less than 15 min"),
        ({"requested": [[np.nan], [0.0]], "empty_seconds": HOUR}, "its requests or its capacity are unknown"),
        ({"group": [0, -1]}, "at least 1 nodes of its group run"),
        ({"zone": [3, -1]}, "at least 1 nodes of its zone run"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_why_an_empty_node_stays_on(other: dict[str, Any], reason: str) -> None:
    nodes = standby_nodes("ON ON", **({"watts_per_core": [9.0, 8.0]} | other))
    decision = decide(nodes, NONE, History(), PLAIN, may_stop=True)
    assert decision.kept[0] == reason


def test_nodes_that_are_no_candidates_or_not_empty_are_never_switched() -> None:
    assert stopped(standby_nodes("ON ON ON", candidate=[False, True, True], requested=[0, 1, 0])) == [2]
    assert started(standby_nodes("OFF OFF ON", 30.0, candidate=[False, True, True])) == [1]


def test_spare_capacity_stays() -> None:
    three = standby_nodes("ON ON ON", [20, 20, 0])
    assert stopped(three) == [2]  # 24 of 64 cores are left
    assert stopped(three, spare_cores=25.0) == []
    assert stopped(three, spare_percent=40.0) == []
    assert stopped(three, hysteresis_percent=30.0) == []
    assert stopped(three, reserve_largest=True) == []


def test_the_highest_demand_of_the_time_to_look_back_counts() -> None:
    three = standby_nodes("ON ON ON", [20, 20, 0])
    assert stopped(three, History(peak=np.array([48.0]))) == [2]
    assert stopped(three, History(peak=np.array([49.0]))) == []


def test_missing_capacity_undoes_stops() -> None:
    nodes = standby_nodes("ON STOPPING OFF", [20, 0, 0])
    for history in (History(), History(starts=PLAIN.starts_per_hour)):  # a node starts, or may not start now
        decision = decide(nodes, PodGroup.of([20.0]), history, PLAIN, may_stop=True)
        assert decision.undone == (1,)
    assert decide(nodes, NONE, History(), replace(PLAIN, spare_cores=0.0), may_stop=True).undone == ()
    only = standby_nodes("ON STOPPING", [20, 0])
    assert decide(only, PodGroup.of([20.0]), History(), PLAIN, may_stop=True).undone == (1,), "nothing else can start"
    too_large = PodGroup.of([64.0])
    assert decide(only, too_large, History(), replace(PLAIN, spare_cores=0.0), may_stop=True).undone == ()
    assert decide(nodes, NONE, History(), PLAIN, may_stop=True, wake_all=True).undone == (1,)


def test_room_for_the_largest_recent_pod_stays_on_one_node() -> None:
    nodes = standby_nodes("ON ON ON", [20, 20, 0])
    assert stopped(nodes, History(largest=PodGroup.of([12.0]))) == [2]
    assert stopped(nodes, History(largest=PodGroup.of([13.0]))) == []
    assert stopped(nodes, History(largest=PodGroup.of([64.0]))) == [2]  # no node could hold it
    only_last = PodGroup(np.array([[1.0]]), np.array([[False, False, True]]))
    assert stopped(nodes, History(largest=only_last)) == []


def test_a_missing_room_for_the_largest_recent_pod_starts_a_node() -> None:
    nodes = standby_nodes("ON ON OFF", [20, 20, 0])
    assert started(nodes, history=History(largest=PodGroup.of([12.0]))) == []
    assert started(nodes, history=History(largest=PodGroup.of([13.0]))) == [2]


def test_missing_spare_capacity_starts_the_nodes_with_the_fewest_watts_per_core() -> None:
    nodes = standby_nodes("ON OFF OFF OFF", [32, 0, 0, 0], watts_per_core=[1.0, 9.0, 7.0, 8.0])
    assert started(nodes) == [2]
    assert started(nodes, spare_cores=40.0) == [2, 3]
    assert started(standby_nodes("ON STARTING OFF", [32, 0, 0])) == []  # the starting node will have room


def test_a_pod_that_fits_on_no_running_node_starts_one_that_it_may_use() -> None:
    nodes = standby_nodes("ON OFF OFF", [10, 0, 0])
    assert started(nodes, PodGroup.of([22.0, 10.0])) == [1]
    assert started(nodes, PodGroup.of([4.0])) == []
    not_first = PodGroup(np.array([[4.0]]), np.array([[False, False, True]]))
    assert started(nodes, not_first) == [2]
    nowhere = PodGroup(np.array([[4.0]]), np.zeros((1, 3), dtype=np.bool_))
    assert started(nodes, nowhere) == []


def test_several_pods_share_a_node_that_starts() -> None:
    nodes = standby_nodes("ON STARTING OFF OFF", [32, 20, 0, 0])
    assert started(nodes, PodGroup.of([16.0, 12.0, 8.0, 8.0]), spare_cores=0.0, spare_percent=0.0) == [2]


def test_the_other_resources_of_a_node_count_too() -> None:
    """Cores and GiB: CPU is free, memory is not."""
    full_memory = standby_nodes(
        "ON ON OFF", capacity=np.tile([32.0, 64.0], (3, 1)), requested=np.array([[8.0, 60.0], [0.0, 0.0], [0.0, 0.0]])
    )
    two = replace(full_memory, empty_seconds=np.array([np.nan, HOUR, np.nan]))
    decision = decide(two, NONE, History(), PLAIN, may_stop=True)
    assert decision.kept == {1: "resource 2: 62.5 % of the spare amount would be left"}
    memory = PodGroup(np.array([[1.0, 64.0], [1.0, 60.0]]))
    assert started(two, memory) == [2]


def test_too_few_running_nodes_of_a_group_or_zone_start_more() -> None:
    nodes = standby_nodes("ON OFF OFF OFF", group=[0, 0, 1, 1], zone=[0, 0, 0, 1])
    assert started(nodes, nodes_per_group=2, nodes_per_zone=0) == [1, 2, 3]
    assert started(nodes, nodes_per_group=0) == [3]


def test_limits_of_starts_hold_and_are_reported() -> None:
    nodes = standby_nodes("ON OFF OFF STARTING", [32, 0, 0, 32])
    for chosen, history in (
        (replace(PLAIN, starts_at_once=2), History()),
        (replace(PLAIN, starts_per_hour=5), History(starts=4)),
    ):
        decision = decide(nodes, PodGroup.of([32.0, 32.0]), history, chosen, may_stop=True)
        assert shown(decision) == [("start", 1)]
        assert decision.held[0].startswith(
            "a pod that waits fits on no running node: 32 cores, but the limit is reached"
        )


def test_limits_of_stops_hold() -> None:
    nodes = standby_nodes("ON ON ON ON STOPPING")
    assert stopped(nodes, stops_at_once=3) == [3, 2]
    assert stopped(nodes, History(stops=29), stops_per_hour=30) == [3]


def test_a_pod_that_waits_does_not_wait_for_the_least_time_off() -> None:
    nodes = standby_nodes("ON OFF", [32, 0], state_seconds=60.0)
    assert started(nodes) == []
    assert started(nodes, PodGroup.of([1.0])) == [1]


def test_a_node_that_failed_is_replaced() -> None:
    assert started(standby_nodes("ON FAILED OFF", [32, 0, 0])) == [2]


def test_the_kill_switch_starts_every_candidate_and_stops_none() -> None:
    nodes = standby_nodes("ON OFF OFF OFF", candidate=[True, True, False, True])
    decision = decide(nodes, NONE, History(starts=99), PLAIN, may_stop=True, wake_all=True)
    assert shown(decision) == [("start", 1), ("start", 3)]
    slow = decide(nodes, NONE, History(), replace(PLAIN, starts_at_once=1), may_stop=True, wake_all=True)
    assert shown(slow) == [("start", 1)]


@pytest.mark.parametrize(
    ("pending", "may_stop", "reason"),
    [
        (NONE, False, "stops are not permitted now"),
        (PodGroup.of([np.nan]), True, "the request of a pod is unknown"),
        (PodGroup(np.array([[1.0]]), np.array([[False, False, True]])), True, "capacity is missing"),
        (PodGroup(np.array([[1.0]]), np.array([[False, True, False]])), True, "a pod that waits fits on it"),
    ],
)
def test_at_any_doubt_nothing_is_stopped(pending: PodGroup, may_stop: bool, reason: str) -> None:
    nodes = standby_nodes("ON ON OFF", watts_per_core=[0.0, 2.0, 1.0])
    decision = decide(nodes, pending, History(), PLAIN, may_stop=may_stop)
    assert decision.kept[1] == reason
    assert ("stop", 1) not in shown(decision)


def test_what_does_not_fit_together_is_refused() -> None:
    nodes = standby_nodes("ON ON")
    with pytest.raises(UsageError, match=r"requests \(1, 2\) for 1 resources"):
        decide(nodes, PodGroup(np.ones((1, 2))), History(), PLAIN, may_stop=True)
    with pytest.raises(UsageError, match=r"allowed \(1, 3\) for 1 pods and 2 nodes"):
        decide(nodes, PodGroup(np.ones((1, 1)), np.ones((1, 3), dtype=np.bool_)), History(), PLAIN, may_stop=True)
    with pytest.raises(UsageError, match="3 values of group for 2 nodes"):
        replace(nodes, group=np.zeros(3, dtype=np.int64))


@st.composite
def situations(draw: st.DrawFn) -> tuple[StandbyNodes, PodGroup, History, StandbySettings]:
    count = draw(st.integers(1, 12))
    random = np.random.default_rng(draw(st.integers(0, 2**31)))
    nodes = standby_nodes(
        random.choice(5, count, p=[0.6, 0.1, 0.05, 0.2, 0.05]),
        random.choice([0.0, 0.0, 4.0, 20.0, 32.0], count),
        state_seconds=random.choice([0.0, 5 * HOUR, np.nan], count, p=[0.1, 0.8, 0.1]),
        schedulable=random.random(count) < 0.9,
        candidate=random.random(count) < 0.9,
        wake_tested=random.random(count) < 0.9,
        group=random.integers(-1, 2, count),
        zone=random.integers(-1, 2, count),
    )
    pods = [
        PodGroup(random.choice([1.0, 8.0, 32.0, 64.0], (some, 1)), random.random((some, count)) < 0.8)
        for some in random.integers(0, 3, 2)
    ]
    history = History(int(random.integers(0, 5)), int(random.integers(0, 5)), largest=pods[0])
    chosen = StandbySettings(
        spare_percent=float(random.choice([0.0, 10.0, 50.0])),
        spare_cores=float(random.choice([0.0, 16.0, 64.0])),
        reserve_largest=bool(random.random() < 0.3),
        starts_at_once=int(random.integers(0, 4)),
        stops_at_once=int(random.integers(0, 4)),
        starts_per_hour=5,
        stops_per_hour=5,
        nodes_per_group=int(random.integers(0, 3)),
        nodes_per_zone=int(random.integers(0, 3)),
    )
    return nodes, pods[1], history, chosen


@settings(max_examples=100, deadline=None)
@given(situations())
def test_no_decision_violates_a_limit_or_uses_up_what_is_to_stay(
    situation: tuple[StandbyNodes, PodGroup, History, StandbySettings],
) -> None:
    nodes, pending, history, chosen = situation
    decision = decide(nodes, pending, history, chosen, may_stop=True)
    starts = [action.node for action in decision.actions if action.kind is ActionKind.START]
    stops = [action.node for action in decision.actions if action.kind is ActionKind.STOP]
    assert not (starts and stops)
    assert len(set(starts + stops)) == len(starts + stops)
    assert (nodes.state[starts] == NodeState.OFF).all()
    assert nodes.candidate[starts + stops].all()
    if starts:
        assert len(starts) + (nodes.state == NodeState.STARTING).sum() <= chosen.starts_at_once
        assert len(starts) + history.starts <= chosen.starts_per_hour
    if not stops:
        return
    assert len(stops) + (nodes.state == NodeState.STOPPING).sum() <= chosen.stops_at_once
    assert len(stops) + history.stops <= chosen.stops_per_hour
    assert (nodes.state[stops] == NodeState.ON).all()
    assert (nodes.empty_seconds[stops] >= chosen.empty_seconds).all()
    assert (nodes.state_seconds[stops] >= chosen.on_seconds).all()
    assert nodes.wake_tested[stops].all()
    left = nodes.up.copy()
    left[stops] = False
    free = 32.0 * left.sum() - nodes.requested[left].sum()
    wanted = max(0.32 * chosen.spare_percent * left.sum(), chosen.spare_cores)
    assert free >= wanted + 32.0 * chosen.reserve_largest * left.any() - 1e-6
    for member, least in ((nodes.group, chosen.nodes_per_group), (nodes.zone, chosen.nodes_per_zone)):
        for number in {int(member[node]) for node in stops} - {-1}:
            assert (left & (member == number)).sum() >= least
    for pods in (pending, history.largest):  # a pod that fitted somewhere still fits
        for pod in range(len(pods)):
            assert pods.allowed is not None
            fits = (nodes.room()[:, 0] >= pods.requests[pod, 0]) & pods.allowed[pod]
            assert (fits & left).any() or not (fits & nodes.up).any()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31))
def test_no_node_flaps_under_random_load(seed: int) -> None:
    """Six hours of a load that jumps every two minutes; starts take five minutes and sometimes fail."""
    random = np.random.default_rng(seed)
    chosen = StandbySettings(starts_at_once=3, stops_at_once=2, starts_per_hour=8, stops_per_hour=6)
    count, minute = 10, 60.0
    state, since = np.zeros(count, dtype=np.int64), np.full(count, -2 * HOUR)
    empty_since = np.full(count, -2 * HOUR)
    switched: list[tuple[float, ActionKind, int]] = []
    for now in np.arange(0.0, 6 * HOUR, 2 * minute).tolist():
        up = state == NodeState.ON
        started_up = (state == NodeState.STARTING) & (now - since >= 5 * minute)
        state[started_up] = np.where(random.random(started_up.sum()) < 0.1, NodeState.FAILED, NodeState.ON)
        state[(state == NodeState.STOPPING) & (now - since >= 2 * minute)] = NodeState.OFF
        since[started_up] = now
        load = np.where(up, random.choice([0.0, 8.0, 30.0], count, p=[0.7, 0.2, 0.1]), 0.0)
        empty_since = np.where(up & (load == 0), np.fmin(empty_since, now), np.inf)
        recent = [kind for at, kind, _ in switched if now - at < HOUR]
        nodes = standby_nodes(
            state,
            load,
            empty_seconds=np.where(np.isfinite(empty_since), now - empty_since, np.nan),
            state_seconds=now - since,
        )
        history = History(recent.count(ActionKind.START), recent.count(ActionKind.STOP))
        for action in decide(nodes, NONE, history, chosen, may_stop=True).actions:
            assert state[action.node] == (NodeState.OFF if action.kind is ActionKind.START else NodeState.ON)
            state[action.node] = NodeState.STARTING if action.kind is ActionKind.START else NodeState.STOPPING
            since[action.node] = now
            switched.append((now, action.kind, action.node))
        for kind, most in ((ActionKind.START, chosen.starts_per_hour), (ActionKind.STOP, chosen.stops_per_hour)):
            assert sum(at > now - HOUR and what is kind for at, what, _ in switched) <= most
    for node in range(count):
        times = [(at, kind) for at, kind, row in switched if row == node]
        for (before, was), (at, kind) in pairwise(times):
            least = chosen.on_seconds if was is ActionKind.START else chosen.off_seconds
            assert kind is not was
            assert at - before >= least
