"""The index of pods by controller counts each pod once, wherever it is known from."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from wao_core.cluster.records import Kind, OwnerRef, Pod
from wao_core.cluster.state import ClusterState
from wao_scheduler.replicas import ReplicaIndex

SET = OwnerRef("ReplicaSet", "web", "rs")
OTHER = OwnerRef("ReplicaSet", "api", "other")


def pod(name: str, node: str | None, *, owner: OwnerRef | None = SET, **more: object) -> Pod:
    return Pod(name=name, namespace="n", uid=f"uid-{name}", node_name=node, owner=owner, **more)  # type: ignore[arg-type]


def index(*pods: Pod) -> tuple[ClusterState, ReplicaIndex]:
    state = ClusterState()
    state.replace(Kind.POD, pods)
    return state, ReplicaIndex(state)


def test_pods_of_a_controller_are_counted_by_node() -> None:
    _, replicas = index(
        pod("1", "a"), pod("2", "a"), pod("3", "b"), pod("4", "c", owner=OTHER), pod("5", "d", owner=None)
    )
    assert replicas.placed("rs", {}) == {"a": 2, "b": 1}
    assert replicas.placed("unknown", {}) == {}


def test_finished_and_terminating_pods_are_not_counted_wherever_they_were_to_go() -> None:
    _, replicas = index(
        pod("1", "a", phase="Succeeded"), pod("2", "a", terminating=True), pod("3", None, phase="Failed")
    )
    assert replicas.placed("rs", {"uid-3": "b"}) == {}


def test_a_choice_counts_until_the_pod_is_bound() -> None:
    state, replicas = index(pod("1", None))
    choices = {"uid-1": "a", "uid-unseen": "b"}
    assert replicas.placed("rs", choices) == {"a": 1, "b": 1}
    state.put(Kind.POD, pod("1", "c"))
    assert replicas.placed("rs", choices) == {"c": 1, "b": 1}


def test_the_pod_that_is_being_placed_does_not_count_against_itself() -> None:
    _, replicas = index(pod("1", "a"), pod("2", None))
    assert replicas.placed("rs", {"uid-2": "b"}, except_pod="uid-2") == {"a": 1}


def test_a_pod_that_changes_its_controller_moves() -> None:
    state, replicas = index(pod("1", "a"))
    state.put(Kind.POD, pod("1", "a", owner=OTHER))
    assert (replicas.placed("rs", {}), replicas.placed("other", {})) == ({}, {"a": 1})


EVENTS = st.lists(
    st.tuples(st.sampled_from("12345"), st.sampled_from([None, "a", "b"]), st.sampled_from([SET, OTHER, None])),
    max_size=20,
)


@given(EVENTS)
def test_events_lead_to_the_same_counts_as_a_list(events: list[tuple[str, str | None, OwnerRef | None]]) -> None:
    state, replicas = index()
    for name, node, owner in events:
        if node is None:
            state.remove(Kind.POD, f"n/{name}")
        else:
            state.put(Kind.POD, pod(name, node, owner=owner))
    for uid in ("rs", "other"):
        present = [item for item in state.pods.values() if item.owner is not None and item.owner.uid == uid]
        assert replicas.placed(uid, {}) == Counter(item.node_name for item in present)


def test_a_closed_index_is_not_changed_any_more() -> None:
    state, replicas = index(pod("1", "a"))
    replicas.close()
    state.put(Kind.POD, pod("2", "a"))
    assert replicas.placed("rs", {}) == {"a": 1}
