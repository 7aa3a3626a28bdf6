"""Whether drains saved what was predicted."""

from __future__ import annotations

import pytest

from wao_core.collector.metrics_feed import Listed
from wao_fleet.rebalance.power_check import SavingCheck, check_saving

CHANGE = {"a": -80.0, "b": 10.0}


def listed(at: float, **watts: float) -> dict[str, Listed]:
    return {name: Listed(value, at, None) for name, value in watts.items()}


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (listed(9.0, a=120.0, b=160.0), SavingCheck(70.0, 70.0, 2)),
        (listed(9.0, a=120.0), SavingCheck(80.0, 80.0, 1)),  # the other one has no later sample
        (listed(9.0, b=160.0), None),  # nothing is known of the drained node
        (listed(5.0, a=120.0, b=160.0), None),  # samples from before the end
        ({}, None),
    ],
)
def test_nodes_with_samples_before_and_after_are_compared(
    after: dict[str, Listed], expected: SavingCheck | None
) -> None:
    assert check_saving(["a"], CHANGE, listed(1.0, a=200.0, b=150.0), after, ended_at=5.0) == expected


def test_a_change_within_the_noise_says_nothing() -> None:
    meters = listed(1.0, a=200.0), listed(9.0, a=300.0)
    assert check_saving(["a"], {"a": -2.0}, *meters, ended_at=5.0) is None


@pytest.mark.parametrize(("measured", "enough"), [(100.0, True), (50.0, True), (49.0, False), (-10.0, False)])
def test_half_of_what_was_predicted_is_enough(measured: float, enough: bool) -> None:
    assert SavingCheck(100.0, measured, 1).enough is enough
