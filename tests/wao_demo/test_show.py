"""The output of the demo: tables for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.fakes.fleets import fleet_of
from wao_demo import show
from wao_predict.simulate.placement import simulate


def shown(print_: Callable[[], None]) -> str:
    with show.console.capture() as captured:
        print_()
    return captured.get()


def test_a_decision_has_its_best_and_its_worst_candidates() -> None:
    nodes = [
        {"node": f"n{row}", "wattsBefore": 100.0, "wattsAfter": None, "increase": float(row), "score": 10 - row}
        for row in range(10)
    ]
    text = shown(lambda: show.decision({"chosen": "n0", "nodes": nodes}, rows=2))
    assert [name for name in (f"n{row}" for row in range(10)) if f"{name} " in text] == ["n0", "n1", "n8", "n9"]
    assert "100.0 W" in text
    assert "-" in text  # an unknown number


def test_metrics_of_the_first_nodes_of_each_type_are_shown_and_missing_ones_are_a_dash() -> None:
    samples: Mapping[str, Mapping[str, float]] = {f"n{row}": {"inlet_temp": 20.0 + row} for row in range(6)}
    text = shown(lambda: show.metrics(samples, dict.fromkeys(samples, "Dell"), first=2))
    assert "20.0 °C" in text
    assert "22.0 °C" not in text
    assert "... 6 nodes" in text
    assert "- " in text


def test_the_residual_is_shown_where_power_is_measured_and_predicted() -> None:
    samples = {"a": {"power_watts": 203.5, "predicted_watts": 200.0}, "b": {"predicted_watts": 200.0}}
    text = shown(lambda: show.metrics(samples, dict.fromkeys(samples, "Dell")))
    assert "+3.5 W" in text
    assert text.count("+") == 1


def test_weights_are_sorted_by_their_size() -> None:
    endpoints: list[dict[str, Any]] = [
        {"address": f"10.1.0.{row}", "port": 80, "nodeName": f"n{row}", "weight": weight, "reason": ""}
        for row, weight in enumerate((20.0, 80.0))
    ]
    text = shown(lambda: show.weights({"ports": [{"endpoints": endpoints}]}))
    assert text.index("10.1.0.1:80") < text.index("10.1.0.0:80")
    assert "80.0 %" in text


def test_savings_are_relative_to_the_first_policy() -> None:
    results = simulate(fleet_of(edge_lenovo=2, cloud_dell=2), 2.0, 4, ("spread", "optimum"))
    text = shown(lambda: show.outcomes(results, 4))
    assert "spread (stock scheduler)" in text
    assert text.count("%") == 1


@pytest.mark.parametrize(("number", "text"), [(show.heading, "Title"), (lambda _, words: show.say(words), "Line")])
def test_steps_have_titles_and_lines(number: Any, text: str) -> None:
    assert text in shown(lambda: number(1, text))
