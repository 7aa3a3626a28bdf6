"""What a watt costs on each node, by the plant of its group and the price there."""

from __future__ import annotations

import numpy as np
import pytest

from wao_predict.cooling.groups import EVERY_OTHER, Cooling, GroupedCooling, Minimize, Plant, cost_curves
from wao_predict.cooling.models import CoolingFactor
from wao_predict.cooling.plant import PlantState
from wao_predict.cooling.published import TrainedPlant
from wao_predict.curves import PowerCurves
from wao_predict.errors import UsageError

HIGHEST = np.array([300.0, 300.0, 300.0])
WATTS = np.array([200.0, 100.0, np.nan])


def plant(factor: float, price: float | None = None, carbon: float | None = None) -> Plant:
    return Plant(CoolingFactor(factor), PlantState(), price, carbon)


def grouped(plants: dict[str, Plant], minimize: Minimize = "energy") -> GroupedCooling:
    return GroupedCooling(Cooling(plants, minimize), ["a", "a", "b"], HIGHEST)


def test_factors_are_those_of_each_group() -> None:
    made = grouped({"a": plant(0.5), "b": plant(0.1)})
    assert made.factors(WATTS).tolist() == pytest.approx([1.5, 1.5, 1.1])
    assert made.of_groups(made.sums(np.nan_to_num(WATTS))).tolist() == pytest.approx([150.0, 0.0])
    assert made.notes == ()


def test_one_plant_cools_every_group_without_its_own() -> None:
    made = grouped({"b": plant(0.1), EVERY_OTHER: plant(0.3)})
    assert made.factors(WATTS).tolist() == pytest.approx([1.3, 1.3, 1.1])


def test_a_group_without_a_plant_counts_without_cooling_and_is_reported() -> None:
    made = grouped({"b": plant(0.1)})
    assert made.factors(WATTS).tolist() == pytest.approx([1.0, 1.0, 1.1])
    assert made.notes == ("nodes without a plant count without cooling",)


def test_a_group_that_never_reaches_the_range_of_its_plant_is_reported() -> None:
    made = grouped({"a": Plant(TrainedPlant(), PlantState(25.0, 65.0)), "b": plant(0.1)})
    (note,) = made.notes
    assert note.startswith(
        "the nodes of group a use at most 600 W, and the model of their plant was trained for 10,285"
    )
    fitting = TrainedPlant(units=0.02)
    assert grouped({"a": Plant(fitting, PlantState(25.0, 65.0)), "b": plant(0.1)}).notes == ()


@pytest.mark.parametrize("minimize", ["price", "carbon"])
def test_prices_and_carbon_are_relative_to_their_mean(minimize: Minimize) -> None:
    made = grouped({"a": plant(0.0, 0.3, 300.0), "b": plant(0.0, 0.1, 100.0)}, minimize)
    assert made.factors(WATTS).tolist() == pytest.approx([1.5, 1.5, 0.5])


def test_a_missing_price_counts_as_the_mean_and_is_reported() -> None:
    made = grouped({"a": plant(0.0, 0.3), "b": plant(0.0)}, "price")
    assert made.factors(WATTS).tolist() == pytest.approx([1.0, 1.0, 1.0])
    assert made.notes == ("price of group b is unknown: counted as the mean",)


def test_prices_whose_mean_is_not_positive_are_not_counted_and_that_is_reported() -> None:
    made = grouped({"a": plant(0.0, -0.3), "b": plant(0.0, 0.1)}, "price")
    assert made.factors(WATTS).tolist() == [1.0, 1.0, 1.0]
    assert made.notes == ("the mean price is not above 0: it is not counted",)


def test_a_negative_price_never_makes_waste_a_gain() -> None:
    assert (grouped({"a": plant(0.0, -0.1), "b": plant(0.0, 0.3)}, "price").factors(WATTS) > 0).all()


def test_a_factor_that_hardly_changes_stays() -> None:
    made = grouped({"a": plant(0.5), "b": plant(0.1)})
    before = np.array([1.49, 1.2, 1.1])
    assert made.factors(WATTS, before=before).tolist() == pytest.approx([1.49, 1.5, 1.1])


def test_factors_between_two_states_are_mean_slopes() -> None:
    made = grouped({"a": plant(0.5), "b": plant(0.1)})
    before, after = np.array([100.0, 100.0, 100.0]), np.array([200.0, 100.0, 100.0])
    assert made.secant_factors(before, after).tolist() == pytest.approx([1.5, 1.5, 1.1])


def test_cost_curves_are_power_times_factor() -> None:
    curves = PowerCurves(np.array([0.0, 100.0]), np.array([[100.0, 200.0], [50.0, 150.0]]))
    assert cost_curves(curves, np.array([1.0, 2.0])).watts.tolist() == [[100.0, 200.0], [100.0, 300.0]]
    with pytest.raises(UsageError, match="1 factors for 2 curves"):
        cost_curves(curves, np.array([1.0]))
