"""Checks `sensors` and `models`."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.fakes.healthy_cluster import NOW, condition, config, found_by, healthy, kinds_of, node, outcome_of
from wao_doctor import wire
from wao_doctor.facts import Listed, Missing
from wao_doctor.findings import Severity


def configs(*held: wire.NodeConfig) -> Listed[wire.NodeConfig]:
    return Listed(held)


def collecting(reason: str, message: str) -> dict[str, str]:
    return condition("Collecting", "False", reason, message)


def predicting(reason: str, message: str, status: str = "False") -> dict[str, str]:
    return condition("Predicting", status, reason, message)


def test_sensors_and_the_oldest_value_are_shown() -> None:
    assert outcome_of("sensors", healthy()).summary == "2 sensors of 2 nodes, the oldest value is 12s old"
    assert outcome_of("sensors", healthy(samples=Missing("503"))).summary == "2 sensors of 2 nodes"


def test_nodes_without_a_config_and_configs_without_a_node_are_reported() -> None:
    found = found_by("sensors", node_configs=configs(config("n1"), config("n9")))
    assert [(item.kind, item.subject) for item in found] == [
        ("node-without-config", "n2"),
        ("config-without-node", "wao-bmc/config-n9"),
    ]


def test_sensors_that_fail_for_the_same_reason_are_one_finding() -> None:
    names = [f"n{number}" for number in range(6)]
    reason = "inlet_temp: https://10.1.0.{}/redfish/v1: the BMC refused the credentials"
    held = [config(name, collecting("NoMetric", reason.format(row))) for row, name in enumerate(names)]
    nodes = Listed(tuple(node(name) for name in names))
    (found,) = found_by("sensors", node_configs=configs(*held), nodes=nodes, samples={})
    assert (found.kind, found.subject) == ("sensor-fails", "n0, n1, n2 and 3 more")
    assert found.evidence == f"{reason.format(0)} (last value: inlet_temp 12s ago)"
    assert "describe nodeconfig config-n0, and wao read redfish URL" in found.remedy


def test_different_reasons_are_different_findings() -> None:
    held = configs(config("n1", collecting("NoMetric", "refused")), config("n2", collecting("NoMetric", "time-out")))
    assert kinds_of("sensors", node_configs=held) == ["sensor-fails", "sensor-fails"]


def test_two_configs_of_one_node_are_a_conflict() -> None:
    held = configs(config("n1"), config("n2", collecting("Conflict", "wao-bmc/a is older and names the same node")))
    assert kinds_of("sensors", node_configs=held) == ["config-conflict"]


def test_a_config_without_a_status_was_not_read_by_the_metrics_api() -> None:
    silent = msgspec.structs.replace(config("n2"), status=wire.NodeConfigStatus())
    (found,) = found_by("sensors", node_configs=configs(config("n1"), silent))
    assert (found.kind, found.evidence) == ("config-not-reported", "1 of 2 NodeConfigs")


def test_configs_that_cannot_be_decoded_are_an_error() -> None:
    held = Listed((config("n1"), config("n2")), {"wao-bmc/x": "expected str, got int"})
    (found,) = found_by("sensors", node_configs=held)
    assert (found.kind, found.severity, found.subject) == ("config-unreadable", Severity.ERROR, "wao-bmc/x")


def test_old_values_are_counted_by_metric() -> None:
    (found,) = found_by("sensors", samples={"inlet_temp": {"n1": NOW - 10, "n2": NOW - 1200}})
    assert (found.kind, found.evidence) == ("sensor-value-old", "inlet_temp of 1 node, up to 20m")


def test_a_template_that_fails_is_an_error() -> None:
    raw = {
        "metadata": {"name": "rack", "namespace": "wao-bmc"},
        "status": {"conditions": [condition("Ready", "False", "TemplateError", "no field .X")]},
    }
    (found,) = found_by("sensors", templates=Listed((msgspec.convert(raw, wire.Template),)))
    assert (found.kind, found.evidence) == ("template-fails", "TemplateError: no field .X")


@pytest.mark.parametrize(
    ("state", "kind", "severity"),
    [
        (predicting("NoPredictor", "the NodeConfig names no model"), "node-without-model", Severity.INFO),
        (predicting("NoCurve", "the model server refuses"), "model-fails", Severity.WARNING),
        (predicting("Fallback", "inlet_temp: mean of others", "True"), "model-on-fallback", Severity.WARNING),
    ],
)
def test_nodes_whose_power_is_not_predicted_are_grouped_by_reason(
    state: dict[str, str], kind: str, severity: Severity
) -> None:
    (found,) = found_by("models", node_configs=configs(config("n1", state), config("n2", state)))
    assert (found.kind, found.severity, found.subject) == (kind, severity, "n1, n2")
    assert found.evidence == f"{state['message']} (2 nodes)"


def test_predicted_nodes_are_counted() -> None:
    held = configs(config("n1"), config("n2", predicting("NoCurve", "x")))
    facts: Any = healthy(node_configs=held)
    assert outcome_of("models", facts).summary == "power is predicted for 1 of 2 NodeConfigs"
