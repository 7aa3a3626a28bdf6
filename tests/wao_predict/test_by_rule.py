"""Placement of identical pods by the rules of the scheduler."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.fleets import small_fleet
from wao_predict import UsageError
from wao_predict.by_rule import place_by_rule
from wao_predict.increase import RULES, Rule


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(RULES), st.floats(0.0, 1.0))
def test_a_rule_is_never_below_the_minimum_and_says_how_far_above(seed: int, rule: Rule, stays: float) -> None:
    fleet = small_fleet(seed, 5)
    least, placed = fleet.what_if(0.5, 12), place_by_rule(fleet, 0.5, 12, rule, stays=stays)
    assert placed.method == rule
    assert placed.total_increase >= least.total_increase - 1e-9
    assert placed.excess == pytest.approx(placed.total_increase - least.total_increase, abs=1e-9)
    assert sum(placed.per_node.values()) == placed.count == 12


def test_what_cannot_be_placed_is_refused() -> None:
    fleet = small_fleet(1, 2)
    with pytest.raises(UsageError, match=r"stays is 1\.5: give a number from 0 to 1"):
        place_by_rule(fleet, 1.0, 1, "floor", stays=1.5)
    with pytest.raises(UsageError, match="fit on these 2 nodes"):
        place_by_rule(fleet, 1.0, 1000, "floor")
