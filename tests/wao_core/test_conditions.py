"""Conditions: their form on the wire, equality, and the time of the last transition."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_core.conditions import MAX_MESSAGE, Condition, conditions_of, same_conditions, with_transitions

NOW = 1_795_464_940.0  # 2026-11-23T20:15:40Z
READY = Condition("Ready", "True", "Ready", "all is collected", 3, NOW)
WIRE = {
    "type": "Ready",
    "status": "True",
    "reason": "Ready",
    "message": "all is collected",
    "observedGeneration": 3,
    "lastTransitionTime": "2026-11-23T20:15:40Z",
}

conditions = st.builds(
    Condition,
    st.sampled_from(["Ready", "Collecting"]),
    st.sampled_from(["True", "False", "Unknown"]),
    st.text(max_size=5),
    st.text(max_size=5),
    st.integers(0, 5),
    st.none() | st.integers(0, 2**31).map(float),
)


def test_a_condition_has_the_form_of_the_api() -> None:
    assert READY.to_wire() == WIRE


@given(conditions)
def test_a_condition_is_read_as_it_was_written(condition: Condition) -> None:
    read = Condition.from_wire(condition.to_wire())
    assert read == condition
    assert read.last_transition_time == condition.last_transition_time


@pytest.mark.parametrize(
    "status", [{}, {"conditions": None}, {"conditions": {}}, {"conditions": ["a", 1, None]}], ids=str
)
def test_a_status_without_readable_conditions_has_none(status: dict[str, object]) -> None:
    assert conditions_of(status) == ()


def test_an_unreadable_field_gets_its_default() -> None:
    wire: dict[str, object] = {"type": 1, "observedGeneration": "x", "lastTransitionTime": "yesterday"}
    assert Condition.from_wire(wire) == Condition("", "", "")
    assert Condition.from_wire(wire).last_transition_time is None


def test_the_message_does_not_make_a_condition_another_one() -> None:
    assert same_conditions([READY], [replace(READY, message="other", last_transition_time=None)])
    for change in ({"status": "False"}, {"reason": "Other"}, {"observed_generation": 4}, {"type": "Other"}):
        assert not same_conditions([READY], [replace(READY, **change)])
    assert not same_conditions([READY], [READY, READY])


def test_a_long_message_is_cut() -> None:
    assert len(Condition("Ready", "False", "Error", "x" * 5000).message) == MAX_MESSAGE


def test_a_transition_time_changes_with_the_status_only() -> None:
    other_reason = Condition("Ready", "True", "Other", "", 4)
    (kept,) = with_transitions([other_reason], [READY], NOW + 60)
    assert kept.last_transition_time == NOW
    (changed,) = with_transitions([replace(READY, status="False")], [READY], NOW + 60)
    assert changed.last_transition_time == NOW + 60
    (first,) = with_transitions([other_reason], [], NOW + 60)
    assert first.last_transition_time == NOW + 60


@given(st.lists(conditions, max_size=3), st.lists(conditions, max_size=3))
def test_every_condition_gets_a_transition_time(new: list[Condition], before: list[Condition]) -> None:
    dated = with_transitions(new, before, NOW)
    assert list(dated) == new
    assert all(item.last_transition_time is not None for item in dated)
