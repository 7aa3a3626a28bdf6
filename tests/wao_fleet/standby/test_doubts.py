"""At any doubt nothing is switched off."""

from __future__ import annotations

from datetime import datetime

import pytest

from wao_core.cluster.records import Node, Taint
from wao_fleet.standby.doubts import SHRUNK, STALE, LostCapacity, Window, doubt_about_state, doubt_about_windows
from wao_fleet.standby.progress import Phase, Progress
from wao_predict.errors import UsageError

SATURDAY = datetime(2026, 11, 28)


def test_a_state_that_is_old_or_was_never_read_is_doubtful() -> None:
    assert doubt_about_state({"Node": 1.0, "Pod": STALE}) == ""
    assert "Pod objects are 121 s old" in doubt_about_state({"Node": 1.0, "Pod": 121.0})
    assert "Pod objects are not read yet" in doubt_about_state({"Pod": None})


@pytest.mark.parametrize(
    ("text", "day", "hour", "inside"),
    [
        ("Mon-Fri 20:00-06:00", 27, 21, True),
        ("Mon-Fri 20:00-06:00", 28, 5, True),  # the night that began on Friday
        ("Mon-Fri 20:00-06:00", 28, 21, False),
        ("Mon-Fri 20:00-06:00", 27, 12, False),
        ("sat,sun 00:00-24:00", 29, 23, True),
        ("Fri-Mon 08:00-18:00", 29, 9, True),
        ("22:00-05:00", 25, 23, True),
        ("22:00-05:00", 25, 6, False),
    ],
)
def test_windows_of_the_week(text: str, day: int, hour: int, inside: bool) -> None:
    assert Window.parse(text).contains(datetime(2026, 11, day, hour)) is inside


@pytest.mark.parametrize("text", ["", "night", "Mon-Fri", "Xyz 20:00-06:00", "25:00-26:00", "20-06:61", "a b c"])
def test_what_is_no_window_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="write it as Mon-Fri 20:00-06:00"):
        Window.parse(text)


def test_without_windows_it_is_always_time() -> None:
    assert doubt_about_windows((), SATURDAY) == ""
    assert doubt_about_windows([Window.parse("Mon 00:00-24:00")], SATURDAY) == "outside the windows for switching off"


def nodes(**ready: bool) -> dict[str, Node]:
    return {name: Node(name=name, ready=value) for name, value in ready.items()}


def test_a_node_that_fails_forbids_more_losses_for_a_while() -> None:
    lost = LostCapacity()
    assert lost.doubt(nodes(a=True, b=True), {}, 0.0) == ""
    assert "b was lost" in lost.doubt(nodes(a=True, b=False), {}, 10.0)
    assert lost.doubt(nodes(a=True, b=False), {}, 10.0 + SHRUNK) == ""  # it counts as gone
    assert lost.doubt(nodes(a=True, b=True), {}, 2000.0) == ""
    assert "b was lost" in lost.doubt(nodes(a=True, b=False), {}, 2010.0)


def test_a_node_that_is_deleted_forbids_more_losses_for_a_while() -> None:
    lost = LostCapacity()
    lost.doubt(nodes(a=True, b=True), {}, 0.0)
    assert "b was lost" in lost.doubt(nodes(a=True), {}, 10.0)
    assert "b was lost" in lost.doubt(nodes(a=True), {}, 20.0)
    assert lost.doubt(nodes(a=True), {}, 10.0 + SHRUNK) == ""


def test_nodes_that_standby_switches_are_no_loss() -> None:
    lost = LostCapacity()
    assert lost.doubt(nodes(a=True, b=False), {"b": Progress(phase=Phase.ASLEEP)}, 0.0) == ""


def test_cluster_autoscaler_at_work_forbids_everything() -> None:
    leaving = Node(name="a", taints=(Taint("ToBeDeletedByClusterAutoscaler", "1", "NoSchedule"),))
    assert "cluster-autoscaler is removing a" in LostCapacity().doubt({"a": leaving}, {}, 0.0)
