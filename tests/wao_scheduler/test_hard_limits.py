"""Limits that exclude nodes: temperatures, and the power of groups of nodes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.snapshots import snapshot
from wao_scheduler.hard_limits import group_power, over_cap, over_ceiling

NAN = float("nan")
WATTS = st.lists(st.tuples(st.sampled_from([None, "r1", "r2"]), st.floats(0, 500) | st.just(NAN)), max_size=12)


@given(WATTS)
def test_the_power_of_a_group_is_the_sum_of_its_known_nodes(nodes: list[tuple[str | None, float]]) -> None:
    labels, watts = [label for label, _ in nodes], np.array([value for _, value in nodes], dtype=float)
    power = group_power(labels, watts)
    for position, group in enumerate(power.groups):
        inside = [value for label, value in nodes if label == group]
        assert power.watts[position] == pytest.approx(sum(value for value in inside if not np.isnan(value)))
        assert power.unknown[position] == sum(np.isnan(value) for value in inside)
    assert [None if group < 0 else power.groups[group] for group in power.group_of] == labels


def test_without_nodes_there_is_no_group() -> None:
    power = group_power([], np.array([]))
    assert (power.groups, power.group_of.size, power.watts.size) == ((), 0, 0)


@pytest.mark.parametrize(("temperature", "refused"), [(34.9, False), (35.0, True), (40.0, True), (NAN, False)])
def test_a_node_at_the_ceiling_is_refused_and_an_unknown_temperature_passes(temperature: float, refused: bool) -> None:
    made = snapshot(["a", "b"], inlet_temp=[20.0, temperature])
    found = over_ceiling(made, np.array([0, 1]), 35.0)
    assert list(found) == ([1] if refused else [])
    if refused:
        assert found[1] == f"inlet temperature {temperature:.1f} degC is at the ceiling of 35 degC"


def test_only_candidates_are_checked() -> None:
    made = snapshot(["a", "b"], inlet_temp=[40.0, 40.0])
    assert list(over_ceiling(made, np.array([1]), 35.0)) == [1]


@pytest.mark.parametrize(
    ("caps", "increase", "refused"),
    [
        ({"r1": 310.0}, 10.0, False),
        ({"r1": 309.0}, 10.0, True),
        ({"*": 309.0}, 10.0, True),
        ({"r1": 400.0, "*": 1.0}, 10.0, False),
        ({"r2": 1.0}, 10.0, False),
        ({}, 10.0, False),
        ({"r1": 1.0}, NAN, False),
        ({"r1": 1.0}, float("inf"), False),
    ],
)
def test_a_node_whose_group_would_exceed_its_cap_is_refused(
    caps: dict[str, float], increase: float, refused: bool
) -> None:
    power = group_power(["r1", "r1", None], np.array([100.0, 200.0, 900.0]))
    found = over_cap(power, np.array([0, 2]), np.array([increase, increase]), caps)
    assert list(found) == ([0] if refused else [])
    if refused:
        assert found[0] == "power cap of group r1: 310 W with this pod, 309 W allowed"
