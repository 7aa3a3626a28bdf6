"""Dashboards and alert rules read metrics that the servers export, and every alert is in the runbook."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.monitoring.dashboards import documents
from docs.monitoring.queries import family_of, metrics_in

ROOT = Path(__file__).parents[2]
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "manifests" / "monitoring" / "rules.yaml").read_text())["spec"]["groups"]
    for rule in group["rules"]
]
ALERTS = [rule for rule in RULES if "alert" in rule]
# make check compares this page with what the servers export
EXPORTED = frozenset(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/reference/metrics.md").read_text(), re.MULTILINE))
KNOWN = EXPORTED | {rule["record"] for rule in RULES if "record" in rule} | {"up"}
DASHBOARDS: dict[str, dict[str, Any]] = {name: json.loads(text) for name, text in documents().items()}
COUNTS_OF_WORK = {
    "wao_lb_agent_sync_proxy_rules_no_local_endpoints",
    "wao_lb_agent_udp_flows_forgotten_total",
    "wao_lb_agent_weight_maps_written_total",
    "wao_rebalance_plans_total",
    "wao_reconcile_rounds_total",
    "wao_standby_rounds_total",
    "wao_ui_picture_duration_seconds",
    "wao_ui_viewers",
    "wao_watch_events_total",
    "wao_watch_lists_total",
}
"""For people who examine a server; neither good nor bad."""
PANELS = [
    pytest.param(panel, id=f"{name}:{panel['id']}")
    for name, board in DASHBOARDS.items()
    for panel in board["panels"]
    if panel["type"] != "row"
]


@pytest.mark.parametrize(
    ("expression", "metrics"),
    [
        ("a_total", {"a_total"}),
        ('sum by (node) (rate(a_total{zone="b"}[5m])) / on (node) group_left (c) d', {"a_total", "d"}),
        ("a:b:sum / 3.6e6 or vector(0)", {"a:b:sum"}),
        ("avg_over_time(a[$__range]) * $__range_s", {"a"}),
        ("a - time() < 7 * 86400 unless b", {"a", "b"}),
        ("count by(x)(a{b=\"{}\"} == bool 1)", {"a"}),
    ],
)  # fmt: skip
def test_labels_functions_and_variables_are_no_metrics(expression: str, metrics: set[str]) -> None:
    assert metrics_in(expression) == metrics


def test_series_of_a_histogram_are_of_its_family() -> None:
    families = frozenset({"a_seconds", "b"})
    assert family_of("a_seconds_bucket", families) == "a_seconds"
    assert family_of("b", families) == "b"
    assert family_of("c_bucket", families) is None


@pytest.mark.parametrize("panel", PANELS)
def test_each_query_of_a_panel_reads_metrics_that_are_exported(panel: dict[str, Any]) -> None:
    expressions = [target["expr"] for target in panel["targets"]]
    read = {name for expression in expressions for name in metrics_in(expression)}
    assert [name for name in sorted(read) if family_of(name, KNOWN) is None] == []
    assert all(metrics_in(expression) for expression in expressions)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_each_rule_reads_metrics_that_are_exported(rule: dict[str, Any]) -> None:
    assert [name for name in sorted(metrics_in(rule["expr"])) if family_of(name, KNOWN) is None] == []


def test_each_metric_of_ours_is_on_a_dashboard_or_in_a_rule() -> None:
    expressions = [target["expr"] for board in DASHBOARDS.values() for panel in board["panels"]
                   for target in panel.get("targets", [])]  # fmt: skip
    expressions += [rule["expr"] for rule in RULES]
    used = {family_of(name, KNOWN) for expression in expressions for name in metrics_in(expression)}
    assert {name for name in EXPORTED - used if name.startswith("wao_")} == COUNTS_OF_WORK


@pytest.mark.parametrize("panel", PANELS)
def test_each_panel_has_a_description_and_the_chosen_data_source(panel: dict[str, Any]) -> None:
    assert panel["description"].endswith(".")
    assert panel["datasource"]["uid"] == "${datasource}"
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_do_not_overlap(name: str) -> None:
    cells: set[tuple[int, int]] = set()
    for panel in DASHBOARDS[name]["panels"]:
        at = panel["gridPos"]
        taken = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not taken & cells, panel["title"]
        assert at["x"] + at["w"] <= 24
        cells |= taken


def test_each_alert_has_a_section_in_the_runbook_with_all_parts() -> None:
    page = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### (Wao\w+)\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL))
    assert sorted(sections) == sorted(rule["alert"] for rule in ALERTS)
    for name, text in sections.items():
        parts = re.findall(r"^- \*\*(\w[\w ]*)\.\*\* ", text, re.MULTILINE)
        assert parts == ["Meaning", "Impact", "Look at", "Remedy"], name


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_each_alert_names_its_section_and_its_severity(rule: dict[str, Any]) -> None:
    assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"
    assert rule["labels"]["severity"] in {"info", "warning", "critical"}
