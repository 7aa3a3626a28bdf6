"""The report of a saving."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wao_predict.models.stated_errors import ModelError
from wao_predict.simulate.savings import Prices, Savings, SavingsDay
from wao_predict.simulate.savings_report import write_savings_report

ERRORS = [ModelError("edge <lenovo>", 1.17, True), ModelError("specpower:x", 13.0, False)]


def day(policy: str, watts: float, *, load: float = 0.3, seed: int = 0, spread: float = 1.0) -> SavingsDay:
    erred = watts * (1.0 + spread * np.linspace(-0.01, 0.01, 5) * (1 if policy == "floor" else -1))
    return SavingsDay(load, policy, seed, watts, erred, pods=10, waited=2, refused=0)


def page_of(days: list[SavingsDay], tmp_path: Path, prices: Prices) -> str:
    path = tmp_path / "saving.html"
    savings = Savings(tuple(days), ("least-allocated", "floor"), 0.3)
    write_savings_report(
        path, savings, prices, ERRORS, fleet_name="Rack <1>", pods="9 pods", facts={"Nodes": "4 & more"}
    )
    return path.read_text()


def test_the_first_page_states_the_saving_per_year(tmp_path: Path) -> None:
    days = [day("least-allocated", 2000.0), day("floor", 1000.0)]
    days += [day("least-allocated", 2400.0, load=0.6), day("floor", 2100.0, load=0.6)]
    page = page_of(days, tmp_path, Prices(price=0.5, co2=400.0, pue=2.0))
    for words in (
        "Rack &lt;1&gt;",
        "<b>50.0 %</b>",
        "<b>17,532 kWh</b>",
        "<b>8,766 EUR</b>",
        "<b>7.0 t CO2</b>",
        "with WAO (rule floor) instead of",
        "edge &lt;lenovo&gt;",
        "Measure one server of each type",
        "Only one day was simulated",
        "4 &amp; more",
    ):
        assert words in page
    assert page.count("<svg") == 1
    assert "<script" not in page
    assert "src=" not in page
    assert "var(--ink)" in page.partition("<svg")[2]


def test_prices_that_are_unknown_are_left_out(tmp_path: Path) -> None:
    page = page_of([day("least-allocated", 2000.0), day("floor", 1000.0)], tmp_path, Prices())
    assert "EUR" not in page
    assert "CO2" not in page


def test_a_policy_that_uses_more_is_said_to_use_more(tmp_path: Path) -> None:
    page = page_of([day("least-allocated", 1000.0), day("floor", 1100.0)], tmp_path, Prices())
    assert "<b>10.0 %</b><span>more electricity (8.0 to 12.0 %)" in page


def test_an_interval_around_zero_is_said_to_show_no_saving(tmp_path: Path) -> None:
    days = [
        day(policy, watts, seed=seed)
        for seed in range(2)
        for policy, watts in (("least-allocated", 1000.0), ("floor", 995.0))
    ]
    page = page_of(days, tmp_path, Prices())
    assert "The interval includes 0" in page
    assert "percentage points between days" in page
