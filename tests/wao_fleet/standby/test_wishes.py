"""What a decision wants of each node."""

from __future__ import annotations

from wao_fleet.standby.sequence import Wish
from wao_fleet.standby.wishes import wishes_of
from wao_predict.standby import Action, ActionKind, Decision

NAMES = ("a", "b", "c")
STOP, START = Action(ActionKind.STOP, 0, "empty"), Action(ActionKind.START, 1, "a pod waits")


def decision(*actions: Action, undone: tuple[int, ...] = ()) -> Decision:
    return Decision(actions, {}, (), undone)


def test_actions_become_wishes() -> None:
    found = wishes_of(NAMES, decision(STOP), acting=True, waking_all=False)
    assert found == {"a": (Wish.SLEEP, "empty")}


def test_in_recommend_mode_nothing_is_switched_off_but_nodes_that_sleep_are_started() -> None:
    assert wishes_of(NAMES, decision(STOP), acting=False, waking_all=False) == {}
    found = wishes_of(NAMES, decision(STOP, START), acting=False, waking_all=False)
    assert found == {"b": (Wish.WAKE, "a pod waits")}


def test_a_stop_that_is_undone_wakes_the_node() -> None:
    found = wishes_of(NAMES, decision(START, undone=(2,)), acting=True, waking_all=False)
    assert found["c"] == (Wish.WAKE, "capacity is missing")


def test_the_kill_switch_works_in_every_mode() -> None:
    found = wishes_of(NAMES, decision(START, undone=(2,)), acting=False, waking_all=True)
    assert {name: wish for name, (wish, _) in found.items()} == {"b": Wish.WAKE, "c": Wish.WAKE}
