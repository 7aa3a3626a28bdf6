"""Savings by load, with their intervals, and what they come to in a year."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.fakes.fleets import fleet_of
from wao_predict import Fleet, UsageError
from wao_predict.models.stated_errors import ModelError, model_errors
from wao_predict.simulate.executors import in_this_process
from wao_predict.simulate.savings import (
    Interval,
    Prices,
    Savings,
    drawn_errors,
    find_savings,
    own_load,
    saving_document,
    savings_tasks,
)
from wao_predict.simulate.trace import Trace
from wao_predict.simulate.workloads import PodMix

MODELS = ("edge_lenovo", "cloud_dell")
MIX = PodMix.of_sizes(4.0)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return replace(fleet_of(edge_lenovo=2, cloud_dell=2), models=("edge_lenovo",) * 2 + ("cloud_dell",) * 2)


def saved(fleet: Fleet, *, mape: float | None = None, seeds: int = 2, policies: tuple[str, ...] = ()) -> Savings:
    errors = model_errors(MODELS) if mape is None else [ModelError(name, mape, True) for name in MODELS]
    chosen = policies or ("least-allocated", "floor")
    tasks = savings_tasks(fleet, MIX, 0.35, errors, policies=chosen, levels=(0.6,), seeds=seeds)
    return find_savings(tasks, in_this_process, own=0.35)


def test_our_rule_saves_at_the_load_of_the_fleet_and_at_others(fleet: Fleet) -> None:
    savings = saved(fleet)
    assert savings.loads == [0.35, 0.6]
    for saving in savings.all():
        assert 0.0 < saving.percent.low <= saving.percent.high < 60.0
        assert saving.watts < saving.stock_watts
        assert saving.saved_watts.mean == pytest.approx(saving.stock_watts - saving.watts)


def test_models_without_errors_leave_only_the_differences_between_days(fleet: Fleet) -> None:
    saving = saved(fleet, mape=0.0).of(0.35, "floor")
    assert saving.from_models == pytest.approx(0.0, abs=1e-9)
    assert saving.from_days is not None
    assert saving.percent.low < saving.percent.mean < saving.percent.high


def test_larger_errors_of_models_widen_the_interval(fleet: Fleet) -> None:
    small, large = (saved(fleet, mape=mape, seeds=1).of(0.35, "floor") for mape in (1.0, 20.0))
    assert large.percent.high - large.percent.low > 5 * (small.percent.high - small.percent.low)
    assert large.percent.mean == small.percent.mean
    assert large.from_days is None


def test_a_policy_that_places_like_the_stock_scheduler_saves_nothing_whatever_the_errors(fleet: Fleet) -> None:
    curve = fleet.curves.take(np.array([0]))
    one = Fleet(("a",), curve, np.array([32.0]), np.array([0.0]), models=("edge_lenovo",))
    tasks = savings_tasks(one, MIX, 0.35, model_errors(["edge_lenovo"]), levels=(), seeds=1)
    saving = find_savings(tasks, in_this_process, own=0.35).of(0.35, "floor")
    assert (saving.percent.low, saving.percent.high) == (0.0, 0.0)


def test_the_pods_of_a_table_run_as_they_are_and_give_the_sizes_of_other_loads(fleet: Fleet) -> None:
    trace = Trace.of([0.0, 600.0, 900.0], [3000.0, 3000.0, 2700.0], [8.0, 16.0, 8.0], horizon=3600.0)
    load = own_load(fleet, trace)
    tasks = savings_tasks(fleet, PodMix.of_trace(trace), trace, model_errors(MODELS), levels=(0.5,), seeds=2)
    own = find_savings([task for task in tasks if task.load == load], in_this_process, own=load)
    assert load == pytest.approx((8 * 3000 + 16 * 3000 + 8 * 2700) / 3600 / 128)
    assert {day.pods for day in own.days} == {3}
    assert own.of(load, "floor").from_days == 0.0


def test_levels_that_the_base_load_exceeds_are_left_out(fleet: Fleet) -> None:
    based = fleet.with_usage(np.full(4, 8.0))
    tasks = savings_tasks(based, MIX, 0.5, model_errors(MODELS), seeds=1)
    assert sorted({task.load for task in tasks}) == [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


@pytest.mark.parametrize(
    ("own", "policies", "words"),
    [
        (0.0, ("least-allocated", "floor"), "a load of 0% with a base load of 0%"),
        (1.2, ("least-allocated", "floor"), "a load of 120%"),
        (0.5, ("floor",), "give two or more"),
        (0.5, ("floor", "floor"), "give two or more"),
        (0.5, ("floor", "best"), "no policy 'best'"),
    ],
)
def test_what_cannot_be_compared_is_refused(fleet: Fleet, own: float, policies: tuple[str, ...], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        savings_tasks(fleet, MIX, own, model_errors(MODELS), policies=policies)


def test_a_fleet_without_the_names_of_its_models_is_refused(fleet: Fleet) -> None:
    with pytest.raises(UsageError, match="the fleet does not name its models"):
        savings_tasks(replace(fleet, models=()), MIX, 0.5, model_errors(MODELS))


def test_errors_are_as_large_as_stated_and_independent_between_models() -> None:
    errors = np.concatenate([drawn_errors(np.array([5.0, 10.0]), np.linspace(0, 100, 21), seed=s) for s in range(30)])
    assert 100 * np.abs(errors).mean(axis=(0, 2)) == pytest.approx([5.0, 10.0], rel=0.05)
    assert abs(np.corrcoef(errors[:, 0, 10], errors[:, 1, 10])[0, 1]) < 0.1


def test_a_year_has_energy_with_losses_money_and_emissions() -> None:
    year = Prices(price=0.3, co2=400.0, pue=1.5).yearly(1000.0)
    assert year.kwh == pytest.approx(13_149)
    assert year.money == pytest.approx(3944.7)
    assert year.co2 == pytest.approx(5259.6)
    assert Prices().yearly(1000.0).money is None


@pytest.mark.parametrize("prices", [{"price": -1.0}, {"co2": float("nan")}, {"pue": 0.9}])
def test_prices_out_of_range_are_refused(prices: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        Prices(**prices)  # type: ignore[arg-type]


def test_an_interval_contains_nine_of_ten_outcomes() -> None:
    interval = Interval.of(50.0, np.arange(101.0))
    assert [interval.low, interval.high] == pytest.approx([5.0, 95.0])


def test_the_document_is_json_and_leaves_out_what_has_no_price(fleet: Fleet) -> None:
    saving = saved(fleet, seeds=1).of(0.35, "floor")
    document = saving_document(saving, Prices(price=0.2))
    assert json.loads(json.dumps(document)) == document
    assert document["saved_co2_kg_per_year"] is None
    assert document["saved_money_per_year"]["mean"] == pytest.approx(0.2 * document["saved_kwh_per_year"]["mean"])
