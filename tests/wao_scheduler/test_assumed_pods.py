"""CPU that is promised but not measured yet: counted at once, counted once, and forgotten when it never comes true."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.snapshots import snapshot
from wao_core.cluster.decode import POD
from wao_core.cluster.records import Kind, Pod
from wao_core.cluster.state import Change, ClusterState
from wao_predict.timestamps import format_rfc3339
from wao_scheduler.assumed_pods import MOST_UNKNOWN, AssumedPods


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(clock: Clock) -> AssumedPods:
    made = AssumedPods(lambda pod: pod.cpu_request or 0.1, clock=clock)
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


def seen(book: AssumedPods, new: Pod | None, old: Pod | None = None) -> None:
    book.observe(Change(Kind.POD, "n/x", old, new))


def test_our_own_choice_counts_at_once(book: AssumedPods) -> None:
    book.choose("u1", "a", 2.0)
    assert book.cores.tolist() == [2.0, 0.0]


def test_a_choice_is_replaced_by_where_the_pod_really_went(book: AssumedPods) -> None:
    book.choose("u1", "a", 2.0)
    seen(book, pod(node="b"))
    assert book.cores.tolist() == [0.0, 2.0]


def test_a_later_choice_for_the_same_pod_replaces_the_first(book: AssumedPods) -> None:
    book.choose("u1", "a", 2.0)
    book.choose("u1", "b", 2.0)
    assert book.cores.tolist() == [0.0, 2.0]


def test_a_choice_for_a_pod_that_no_watch_event_shows_is_forgotten_within_seconds(
    book: AssumedPods, clock: Clock
) -> None:
    """Invented pods do not fill nodes, even when no new snapshot comes."""
    for number in range(400):
        book.choose(f"invented-{number}", "a", 2.0, owner="somebody", known=False)
    clock.now += 5.1
    assert book.cores.tolist() == [0.0, 0.0]
    assert not book.choices("somebody")
    assert len(book) == 0


def test_a_choice_counts_as_long_as_any_other_once_a_watch_event_shows_its_pod(book: AssumedPods, clock: Clock) -> None:
    book.choose("u1", "a", 2.0, known=False)
    seen(book, pod(node=None))
    clock.now += 29
    book.settle(snapshot(["a", "b"], usage_at=clock.now - 29))
    assert book.cores.tolist() == [2.0, 0.0]


def test_choices_for_pods_that_no_watch_event_shows_are_bounded_in_number(book: AssumedPods) -> None:
    for number in range(MOST_UNKNOWN + 10):
        book.choose(f"invented-{number}", "a", 0.5, known=False)
    assert len(book) == MOST_UNKNOWN
    assert book.cores.tolist() == [MOST_UNKNOWN * 0.5, 0.0]


def test_a_choice_that_nobody_confirms_is_forgotten(book: AssumedPods, clock: Clock) -> None:
    book.choose("u1", "a", 2.0)
    clock.now += 31
    book.settle(snapshot(["a", "b"], usage_at=clock.now))
    assert book.cores.tolist() == [0.0, 0.0]
    assert len(book) == 0


def test_a_running_pod_counts_until_a_sample_begins_after_its_start(book: AssumedPods, clock: Clock) -> None:
    started = clock.now
    seen(book, pod(started=started))
    book.settle(snapshot(["a", "b"], usage_at=started - 1, window=15))
    assert book.cores.tolist() == [2.0, 0.0]
    book.settle(snapshot(["a", "b"], usage_at=started + 16, window=15))
    assert book.cores.tolist() == [0.0, 0.0]
    assert len(book) == 0


@pytest.mark.parametrize(("ran", "left"), [(0.0, 2.0), (3.0, 1.6), (7.5, 1.0), (14.0, 2.0 / 15), (15.0, 0.0)])
def test_a_pod_that_started_within_the_window_is_assumed_for_the_rest_of_it(
    book: AssumedPods, clock: Clock, ran: float, left: float
) -> None:
    """The sample is an average: it holds the pod's CPU for the share of the window that it ran. Never twice."""
    seen(book, pod(started=clock.now))
    sample = ran / 15.0 * 2.0
    book.settle(snapshot(["a", "b"], usage_at=clock.now + ran, window=15, usage=[sample, 0.0]))
    assert book.cores[0] == pytest.approx(left)
    assert sample + book.cores[0] == pytest.approx(2.0)


def test_a_sample_that_is_no_average_leaves_nothing_to_assume(book: AssumedPods, clock: Clock) -> None:
    """Some sources report what runs at the end of the window; the whole pod is in the first sample after its start."""
    seen(book, pod(started=clock.now))
    book.settle(snapshot(["a", "b"], usage_at=clock.now + 3, window=15, usage=[2.0, 0.0]))
    assert book.cores[0] == 0.0
    seen(book, pod("u2", started=clock.now + 5, cpu=1.0))
    assert book.cores[0] == 1.0
    book.settle(snapshot(["a", "b"], usage_at=clock.now + 3, window=15, usage=[2.0, 0.0]))  # another input moved
    assert book.cores[0] == 1.0


@pytest.mark.parametrize(("shown", "left"), [(0.0, 2.0), (0.5, 1.5), (2.0, 0.0), (9.0, 0.0)])
def test_a_start_in_the_second_of_the_sample_is_assumed_as_far_as_the_sample_does_not_show_it(
    book: AssumedPods, clock: Clock, shown: float, left: float
) -> None:
    """Both times are cut to whole seconds, so which was first is not known."""
    seen(book, pod(started=clock.now + 10))
    for _ in range(2):  # the second time another input moved
        book.settle(snapshot(["a", "b"], usage_at=clock.now + 10, window=10, usage=[shown, 0.0]))
        assert book.cores[0] == left


def test_word_of_a_start_that_comes_after_the_sample_counts_nothing_twice(book: AssumedPods, clock: Clock) -> None:
    book.choose("u1", "a", 2.0)
    book.settle(snapshot(["a", "b"], usage_at=clock.now + 3, window=10, usage=[2.0, 0.0]))
    assert book.cores[0] == 0.0
    seen(book, pod(started=clock.now + 4))  # the node's clock goes ahead, or the source is no average
    assert book.cores[0] == 0.0
    book.choose("u2", "a", 1.0)
    seen(book, pod("u2", started=clock.now + 4, cpu=1.0))
    assert book.cores[0] == 1.0
    seen(book, None, pod("u1"))
    assert book.cores[0] == 1.0


def test_pods_still_to_come_are_assumed_whole_whatever_the_sample_shows(book: AssumedPods, clock: Clock) -> None:
    seen(book, pod("u1", started=clock.now))
    seen(book, pod("u2", phase="Pending", cpu=1.0))
    book.choose("u3", "a", 4.0)
    book.settle(snapshot(["a", "b"], usage_at=clock.now + 5, window=10, usage=[2.0, 0.0]))
    assert book.cores[0] == 5.0
    book.settle(snapshot(["a", "b"], usage_at=clock.now + 6, window=10, usage=[2.0, 0.0]))
    assert book.cores[0] == 5.0


@given(
    st.lists(
        st.tuples(st.integers(0, 60_000).map(lambda ms: ms / 1000), st.sampled_from([0.25, 1.0, 2.0])), max_size=12
    ),
    st.sampled_from(["average", "last"]),
)
def test_pods_that_use_what_they_asked_for_are_counted_once(pods: list[tuple[float, float]], source: str) -> None:
    """Samples of 10 s each: what is measured and assumed together is what runs, whichever way a source measures."""
    clock = Clock()
    begin = clock.now
    book = AssumedPods(lambda pod: pod.cpu_request or 0.1, clock=clock)
    book.settle(snapshot(["a"], usage_at=begin, window=10.0))
    running = used = 0.0
    for step in range(1, 8):
        clock.now = begin + 10.0 * step
        for number, (at, cpu) in enumerate(pods):
            if 10.0 * (step - 1) < at <= 10.0 * step:
                seen(book, pod(f"u{number}", started=begin + at, cpu=cpu))
                running += cpu
        assert used + book.cores[0] == pytest.approx(running)
        shares = [(cpu, np.clip((10.0 * step - at) / 10.0, 0.0, 1.0) if at > 0 else 0.0) for at, cpu in pods]
        used = sum(cpu * (share if source == "average" else float(share > 0)) for cpu, share in shares)
        book.settle(snapshot(["a"], usage_at=clock.now, window=10.0, usage=[used]))
        assert used + book.cores[0] == pytest.approx(running)


@pytest.mark.parametrize(("at", "left"), [(-1.0, 2.0), (0.0, 0.0), (1.0, 0.0)])
def test_a_sample_without_window_holds_what_started_before_it(
    book: AssumedPods, clock: Clock, at: float, left: float
) -> None:
    seen(book, pod(started=clock.now))
    book.settle(snapshot(["a", "b"], usage_at=clock.now + at, window=0.0))
    assert book.cores[0] == left


def test_a_measured_pod_is_not_counted_again_when_it_changes(book: AssumedPods, clock: Clock) -> None:
    old = pod(started=clock.now - 100)
    seen(book, old)
    assert book.cores.tolist() == [0.0, 0.0]
    seen(book, pod(started=clock.now - 100, ready=True), old)
    assert book.cores.tolist() == [0.0, 0.0]


def test_an_unmeasured_node_keeps_its_assumptions(book: AssumedPods, clock: Clock) -> None:
    seen(book, pod(node="c", started=clock.now - 100))
    book.settle(snapshot(["a", "b", "c"], usage_at=float("nan")))
    assert book.cores.tolist() == [0.0, 0.0, 2.0]


def test_a_pod_that_is_stuck_ages_out_soon(book: AssumedPods, clock: Clock) -> None:
    seen(book, pod(phase="Pending", waiting_reason="ImagePullBackOff", scheduled_at=clock.now))
    assert book.cores[0] == 2.0
    clock.now += 61
    book.settle(snapshot(["a", "b"], usage_at=clock.now))
    assert book.cores[0] == 0.0


def test_a_pod_that_never_starts_ages_out_later(book: AssumedPods, clock: Clock) -> None:
    seen(book, pod(phase="Pending", scheduled_at=clock.now))
    clock.now += 300
    book.settle(snapshot(["a", "b"], usage_at=clock.now))
    assert book.cores[0] == 2.0
    clock.now += 301
    book.settle(snapshot(["a", "b"], usage_at=clock.now))
    assert book.cores[0] == 0.0


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_finished_pod_counts_no_more(book: AssumedPods, phase: str) -> None:
    old = pod(phase="Pending")
    seen(book, old)
    seen(book, pod(phase=phase), old)
    assert book.cores.tolist() == [0.0, 0.0]


def test_a_deleted_pod_counts_no_more(book: AssumedPods) -> None:
    old = pod(phase="Pending")
    seen(book, old)
    seen(book, None, old)
    assert book.cores.tolist() == [0.0, 0.0]


def test_pods_without_a_uid_are_distinguished_by_namespace_and_name(book: AssumedPods) -> None:
    """Pods of manifests have none."""
    for name in ("x", "y"):
        for namespace in ("m", "n"):
            seen(book, pod("", name=name, namespace=namespace, cpu=1.0))
    assert 4 == len(book)
    assert book.cores.tolist() == [4.0, 0.0]
    seen(book, None, pod("", name="x", namespace="m"))
    assert book.cores.tolist() == [3.0, 0.0]


def test_a_container_that_finished_leaves_the_rest_of_its_pod_measured(book: AssumedPods, clock: Clock) -> None:
    """Such a Pod stays Running, and it is in the sample since its last running container started."""
    status = {
        "phase": "Running",
        "containerStatuses": [
            {"state": {"running": {"startedAt": format_rfc3339(clock.now - 300.0)}}},
            {"state": {"terminated": {"exitCode": 0, "startedAt": format_rfc3339(clock.now - 300.0)}}},
        ],
    }
    containers = [{"resources": {"requests": {"cpu": "4"}}}]
    raw = {"metadata": {"name": "job"}, "spec": {"nodeName": "a", "containers": containers}, "status": status}
    record = POD.decode_object(raw)
    assert isinstance(record, Pod)
    seen(book, record)
    assert book.cores.tolist() == [0.0, 0.0]


def test_it_follows_a_cluster_state(book: AssumedPods) -> None:
    state = ClusterState()
    state.subscribe([Kind.POD], book.observe)
    state.put(Kind.POD, pod("u1", phase="Pending"))
    state.put(Kind.POD, pod("u2", node=None, phase="Pending"))
    assert book.cores.tolist() == [2.0, 0.0]
    state.remove(Kind.POD, "n/u1")
    assert book.cores.tolist() == [0.0, 0.0]
