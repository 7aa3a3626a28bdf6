"""Charts are data: what they show, and how much a refresh sends."""

from __future__ import annotations

import json

from tests.fakes.page import KNOTS, described, nodes_document, picture, records, weights
from wao_ui import charts
from wao_ui.fleet_layout import fleet_layout
from wao_ui.history import Totals
from wao_ui.picture import Documents


def test_a_missing_value_is_no_value_on_the_heat_map() -> None:
    seen = picture(Documents(cluster=records("a", "b"), nodes=nodes_document(described("a"))))
    layout = fleet_layout([node.group for node in seen.nodes])
    assert [cell[2] for cell in charts.cells(seen.nodes, layout, "watts")] == [150, None]


def test_the_scale_is_rounded_so_that_small_changes_do_not_change_colours() -> None:
    seen = picture(Documents(nodes=nodes_document(described("a"), described("b", usage_cores=5.1))))
    assert charts.scale(seen.nodes, "watts") == (150.0, 200.0)
    assert charts.scale((), "watts") == (0.0, 1.0)


def test_an_inlet_below_zero_is_a_value_like_any_other() -> None:
    seen = picture(Documents(nodes=nodes_document(described("a", inlet_temp=-3.5))))
    layout = fleet_layout([node.group for node in seen.nodes])
    assert charts.cells(seen.nodes, layout, "inlet_temp")[0][2] == -3.5
    assert charts.scale(seen.nodes, "inlet_temp") == (-4.0, -3.0)


def test_a_refresh_of_a_thousand_nodes_sends_some_kilobytes() -> None:
    names = [f"node-{index:04d}.example.com" for index in range(1000)]
    seen = picture(Documents(nodes=nodes_document(*map(described, names))))
    layout = fleet_layout([node.group for node in seen.nodes])
    sent = json.dumps(charts.heat_map_change(seen.nodes, layout, "watts"), separators=(",", ":"))
    assert len(sent) < 16_000


def test_each_state_has_a_colour_and_only_states_of_the_fleet_are_in_the_legend() -> None:
    seen = picture(Documents(cluster=records("a"), nodes=nodes_document(described("b"))))
    legend = charts.heat_map(seen.nodes, fleet_layout(["", ""]), "state")["visualMap"]
    assert [piece["label"] for piece in legend["pieces"]] == ["on", "unknown"]


def test_a_name_cannot_end_the_script_of_the_tooltip() -> None:
    node = described("</script><script>alert(1)</script>")
    seen = picture(Documents(nodes=nodes_document(node)))
    shown = json.dumps(charts.heat_map(seen.nodes, fleet_layout([""]), "watts"))
    assert "</script>" not in shown
    assert "&lt;/script&gt;" in shown


def test_the_power_curve_has_the_working_point_the_floor_and_the_range_that_was_not_trained() -> None:
    seen = picture(Documents(nodes=nodes_document(described("a"))))
    options = charts.power_curve(seen.by_name["a"], KNOTS, seen.models["m"])
    series = {one["name"]: one for one in options["series"]}
    assert series["working point"]["data"] == [[50.0, 150.0]]
    assert series["predicted"]["markLine"]["data"] == [{"xAxis": 10.0}]
    assert [area[0]["xAxis"] for area in series["predicted"]["markArea"]["data"]] == [90.0]
    assert series["error of the model"]["data"][-1] == [100.0, 6.0]


def test_a_line_without_any_value_is_not_drawn() -> None:
    assert [line["id"] for line in charts.totals_series([Totals(1.0, power=5.0)])] == ["power"]


def test_bars_have_the_largest_weights_first() -> None:
    options = charts.weights_bars(weights(10.0, 90.0)["shop/web"].ports[0].endpoints)
    assert options["yAxis"]["data"] == ["n2", "n1"]
