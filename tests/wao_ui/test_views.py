"""Every template is rendered with what the pages pass to it, full and empty, and escapes texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.fakes.page import NOW, decision, described, listed, nodes_document, picture, records, weights
from wao_ui import parts
from wao_ui.picture import Documents, Picture, SourceView
from wao_ui.sensor_failures import SensorFailure
from wao_ui.views import render

HOSTILE = "<img src=x onerror=alert(1)>"
EMPTY = picture(Documents())
FULL = picture(
    Documents(
        cluster=records("a", "b"),
        metrics={"power_watts": listed(a=160.0)},
        sensors=(SensorFailure("b", "inlet_temp", HOSTILE, NOW - 500.0),),
        nodes=nodes_document(described("a"), described("b", inlet_temp=99.0, reason=HOSTILE)),
        decisions=[decision("default/p", "a", HOSTILE), decision("default/q", None)],
        weights=weights(30.0, 70.0),
    ),
    SourceView("scheduler, nodes", "https://s", NOW, "", 0.01),
    SourceView("standby", "https://t", None, HOSTILE, 0.01),
)
PARTS: Mapping[str, Callable[[Picture], Mapping[str, Any]]] = {
    "status": parts.status,
    "tiles": parts.tiles,
    "fleet_table": lambda seen: {"nodes": seen.nodes},
    "placements": parts.placements,
    "services": parts.services,
    "moves": parts.moves,
    "standby": parts.standby,
    "inputs": parts.inputs,
}


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_drawn_full_and_empty_and_escapes_texts(name: str) -> None:
    assert render(name, PARTS[name](EMPTY))
    assert HOSTILE not in render(name, PARTS[name](FULL))


def test_facts_of_a_node_state_the_error_and_the_inputs_outside_of_the_trained_range() -> None:
    html = render("node", parts.node(FULL, "b"))
    assert "1.5 % on average" in html
    assert "inlet_temp of 99.0" in parts.node(FULL, "b")["outside"]
    assert parts.node(FULL, "a")["outside"] == ""


def test_an_input_that_fails_is_next_to_the_inputs_of_its_node() -> None:
    html = render("node_inputs", parts.node_inputs(FULL, "b"))
    assert "8 min ago" in html
    assert "&lt;img" in html


def test_placements_of_a_node_are_those_that_chose_it() -> None:
    shown = parts.placements(FULL, on_node="a")["decisions"]
    assert [one.pod for one in shown] == ["default/p"]
    assert "No Pod of the last decisions." in render("placements", parts.placements(FULL, on_node="b"))


def test_a_part_without_its_source_names_the_option() -> None:
    assert "without --rebalance-url" in render("moves", parts.moves(EMPTY))
    assert "cannot be read" in parts.standby(FULL)["missing"]


def test_the_ages_of_an_input_are_over_the_nodes_that_have_it() -> None:
    power = next(row for row in parts.ages(FULL) if row.name == "power_watts")
    assert (power.nodes, power.oldest, power.node) == (1, 10.0, "a")


def test_a_service_has_its_weights_by_endpoint() -> None:
    html = render("service", {"weights": weights(30.0, 70.0)["shop/web"]})
    assert html.index("10.0.0.2") < html.index("10.0.0.1")


def test_all_explanations_of_a_decision_are_shown() -> None:
    html = render("placement", {"decision": decision("default/p", "a", HOSTILE)})
    assert "&lt;img" in html
    assert HOSTILE not in html


@pytest.mark.parametrize("name", ["header", "heading", "login", "message", "what_if", "empty", "fleet_choices"])
def test_other_templates_have_all_their_values(name: str) -> None:
    values = {
        "active": "/",
        "authenticated": True,
        "title": HOSTILE,
        "hidden": False,
        "next": HOSTILE,
        "problem": HOSTILE,
        "hint": HOSTILE,
        "text": HOSTILE,
        "sign_in": True,
        "home": True,
        "cpu": HOSTILE,
        "count": "1",
        "answer": None,
        "show": "watts",
    }
    assert HOSTILE not in render(name, values)
