"""The picture: what each source knows of a node, and what is missing stays missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.fakes.page import described, listed, nodes_document, picture, records
from wao_core.cluster.names import DRAINING
from wao_core.cluster.records import Node, Taint
from wao_scheduler.node_documents import SpreadDocument
from wao_ui import parts
from wao_ui.picture import Documents, Power, SourceView, power_state
from wao_ui.sensor_failures import SensorFailure


def test_predicted_power_is_that_of_the_curve_at_the_present_load() -> None:
    seen = picture(Documents(nodes=nodes_document(described("a", usage_cores=2.0))))
    assert seen.by_name["a"].predicted == 120.0


def test_measured_power_takes_the_place_of_predicted_power_where_there_is_a_meter() -> None:
    nodes = nodes_document(described("a"), described("b"))
    seen = picture(Documents(nodes=nodes, metrics={"power_watts": listed(a=170.0)}))
    assert (seen.totals.power, seen.totals.measured_nodes, seen.totals.predicted_nodes) == (320.0, 1, 1)
    assert seen.totals.predicted == 300.0


def test_the_saving_is_the_one_that_the_scheduler_computed() -> None:
    spread = SpreadDocument(
        baseline_watts=200.0, saved_watts=50.0, nodes=1, pods=3, measured_saved_watts=None, measured_nodes=0
    )
    totals = picture(Documents(nodes=nodes_document(described("a"), spread=spread))).totals
    assert (totals.predicted, totals.spread, totals.saved, totals.saved_percent) == (150.0, 200.0, 50.0, 25.0)


@pytest.mark.parametrize(
    "spread",
    [
        pytest.param(None, id="not compared yet"),
        pytest.param(
            SpreadDocument(
                baseline_watts=150.0, saved_watts=0.0, nodes=1, pods=0, measured_saved_watts=-5.0, measured_nodes=1
            ),
            id="no Pod could be elsewhere",
        ),
    ],
)
def test_without_a_baseline_there_is_no_saving(spread: SpreadDocument | None) -> None:
    totals = picture(Documents(nodes=nodes_document(described("a"), spread=spread))).totals
    assert (totals.spread, totals.saved, totals.measured_saved, totals.saved_percent) == (None, None, None, None)


def test_a_node_without_any_answer_has_no_values() -> None:
    node = picture(Documents(cluster=records("a"))).by_name["a"]
    assert (node.watts, node.load, dict(node.inputs), node.group) == (None, None, {}, "rack-1")


def test_values_of_the_metrics_api_are_preferred_and_keep_their_time() -> None:
    nodes = nodes_document(described("a", inlet_temp=22.0))
    node = picture(Documents(nodes=nodes, metrics={"inlet_temp": listed(a=25.0)})).by_name["a"]
    assert node.value("inlet_temp") == 25.0
    assert node.value("delta_p") == 5.0


def test_a_replaced_input_is_a_failure_with_the_reason_of_the_scheduler() -> None:
    nodes = nodes_document(described("a", reason="the mean of other nodes"), described("b", reason="old"))
    stated = SensorFailure("b", "inlet_temp", "no route to host")
    seen = picture(Documents(nodes=nodes, sensors=(stated,)))
    assert [(failure.node, failure.reason) for failure in seen.failures] == [
        ("b", "no route to host"),
        ("a", "the mean of other nodes"),
    ]


def test_the_inputs_and_the_last_value_of_a_fallback_are_named() -> None:
    reason = "inlet_temp is 130 s old: last value"
    nodes = nodes_document(described("a", reason=reason), described("b", reason="no model"))
    seen = picture(Documents(nodes=nodes, metrics={"inlet_temp": listed(a=25.0)}))
    at = seen.by_name["a"].inputs["inlet_temp"].at
    assert seen.failures == (
        SensorFailure("a", "inlet_temp", reason, at),
        SensorFailure("b", "prediction", "no model"),
    )


def test_a_source_that_is_not_installed_is_not_broken() -> None:
    down = SourceView("scheduler, nodes", "https://s", None, "no answer in time", 0.0)
    absent = SourceView("standby", "https://t", None, "it is not installed", 0.0, absent=True)
    seen = replace(picture(Documents()), sources=(down, absent))
    assert seen.broken == (down,)
    assert parts.missing(seen, "standby", "--standby-url") == "This part is empty, because https://t is not installed."


@pytest.mark.parametrize(
    ("node", "state"),
    [
        (None, Power.UNKNOWN),
        (Node(name="a"), Power.ON),
        (Node(name="a", ready=False), Power.NOT_READY),
        (Node(name="a", ready=False, taints=(Taint(DRAINING, "standby"),)), Power.ASLEEP),
    ],
)
def test_without_standby_the_power_state_is_that_of_the_node(node: Node | None, state: Power) -> None:
    assert power_state(node, None) is state
