"""CPU that is promised but not measured yet: counted at once, counted once, and forgotten when it never comes true."""

from __future__ import annotations

import pytest

from tests.wao_core.snapshots import snapshot
from wao_core.records import Kind, Pod
from wao_core.state import Change, ClusterState
from wao_scheduler.inflight import InFlight


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(clock: Clock) -> InFlight:
    made = InFlight(lambda pod: pod.cpu_request or 0.1, clock=clock)
    made.settle(snapshot(["a", "b"], usage_at=clock.now))
    return made


def pod(
    uid: str = "u1",
    node: str | None = "a",
    *,
    started: float | None = None,
    phase: str = "Running",
    cpu: float = 2.0,
    **more: object,
) -> Pod:
    fields: dict[str, object] = {
        "name": uid,
        "namespace": "n",
        "uid": uid,
        "node_name": node,
        "cpu_request": cpu,
        "started_at": started,
        "phase": phase,
    }
    return Pod(**(fields | more))  # type: ignore[arg-type]


def seen(book: InFlight, new: Pod | None, old: Pod | None = None) -> None:
    book.observe(Change(Kind.POD, "n/x", old, new))


def test_our_own_choice_counts_at_once(book: InFlight) -> None:
    book.choose("u1", "a", 2.0)
    assert book.cores.tolist() == [2.0, 0.0]


def test_a_choice_is_replaced_by_where_the_pod_really_went(book: InFlight) -> None:
    book.choose("u1", "a", 2.0)
    seen(book, pod(node="b"))
    assert book.cores.tolist() == [0.0, 2.0]


def test_a_later_choice_for_the_same_pod_replaces_the_first(book: InFlight) -> None:
    book.choose("u1", "a", 2.0)
    book.choose("u1", "b", 2.0)
    assert book.cores.tolist() == [0.0, 2.0]


def test_a_choice_that_nobody_confirms_is_forgotten(book: InFlight, clock: Clock) -> None:
    book.choose("u1", "a", 2.0)
    clock.now += 31
    book.settle(snapshot(["a", "b"], usage_at=clock.now))
    assert book.cores.tolist() == [0.0, 0.0]
    assert len(book) == 0


def test_a_running_pod_counts_until_a_sample_begins_after_its_start(book: InFlight, clock: Clock) -> None:
    started = clock.now
    seen(book, pod(started=started))
    book.settle(snapshot(["a", "b"], usage_at=started + 10, window=15))  # the window began before the pod
    assert book.cores.tolist() == [2.0, 0.0]
    book.settle(snapshot(["a", "b"], usage_at=started + 16, window=15))
    assert book.cores.tolist() == [0.0, 0.0]


def test_a_measured_pod_is_not_counted_again_when_it_changes(book: InFlight, clock: Clock) -> None:
    old = pod(started=clock.now - 100)
    seen(book, old)
    assert book.cores.tolist() == [0.0, 0.0]
    seen(book, pod(started=clock.now - 100, ready=True), old)
    assert book.cores.tolist() == [0.0, 0.0]


def test_an_unmeasured_node_keeps_its_assumptions(book: InFlight, clock: Clock) -> None:
    seen(book, pod(node="c", started=clock.now - 100))
    book.settle(snapshot(["a", "b", "c"], usage_at=float("nan")))
    assert book.cores.tolist() == [0.0, 0.0, 2.0]


def test_a_pod_that_is_stuck_ages_out_soon(book: InFlight, clock: Clock) -> None:
    seen(book, pod(phase="Pending", waiting_reason="ImagePullBackOff", scheduled_at=clock.now))
    assert book.cores[0] == 2.0
    clock.now += 61
    book.settle(snapshot(["a", "b"], usage_at=clock.now))
    assert book.cores[0] == 0.0


def test_a_pod_that_never_starts_ages_out_later(book: InFlight, clock: Clock) -> None:
    seen(book, pod(phase="Pending", scheduled_at=clock.now))
    clock.now += 300
    book.settle(snapshot(["a", "b"], usage_at=clock.now))
    assert book.cores[0] == 2.0
    clock.now += 301
    book.settle(snapshot(["a", "b"], usage_at=clock.now))
    assert book.cores[0] == 0.0


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_finished_pod_counts_no_more(book: InFlight, phase: str) -> None:
    old = pod(phase="Pending")
    seen(book, old)
    seen(book, pod(phase=phase), old)
    assert book.cores.tolist() == [0.0, 0.0]


def test_a_deleted_pod_counts_no_more(book: InFlight) -> None:
    old = pod(phase="Pending")
    seen(book, old)
    seen(book, None, old)
    assert book.cores.tolist() == [0.0, 0.0]


def test_it_follows_a_cluster_state(book: InFlight) -> None:
    state = ClusterState()
    state.subscribe([Kind.POD], book.observe)
    state.put(Kind.POD, pod("u1", phase="Pending"))
    state.put(Kind.POD, pod("u2", node=None, phase="Pending"))
    assert book.cores.tolist() == [2.0, 0.0]
    state.remove(Kind.POD, "n/u1")
    assert book.cores.tolist() == [0.0, 0.0]
