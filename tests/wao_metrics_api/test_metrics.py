"""Prometheus metrics of the metrics GROUP_VERSIONS[0]: bounded labels, and fresh values only."""

from __future__ import annotations

import time

import pytest
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from wao_core.collector.store import Sample, SampleStore
from wao_metrics_api.metrics import RequestTelemetry, node_families
from wao_metrics_api.names import GROUP_VERSIONS


def test_requests_are_counted_with_the_names_of_an_api_server() -> None:
    registry = CollectorRegistry()
    telemetry = RequestTelemetry(registry)
    for _ in range(2):
        telemetry.observe(GROUP_VERSIONS[0], "inlet_temp", 200, 0.001)
    labels = {"verb": "get", "group": "custom.metrics.k8s.io", "version": "v1beta2"}
    more = {"resource": "nodes", "subresource": "inlet_temp", "code": "200"}
    assert registry.get_sample_value("apiserver_request_total", labels | more) == 2.0
    assert registry.get_sample_value("apiserver_request_duration_seconds_count", labels) == 2.0


def test_the_metric_of_a_failed_request_is_no_label() -> None:
    """Callers can invent any number of names."""
    registry = CollectorRegistry()
    telemetry = RequestTelemetry(registry)
    for number in range(100):
        telemetry.observe(GROUP_VERSIONS[0], f"invented_{number}", 404, 0.001)
    assert "invented" not in generate_latest(registry).decode()
    assert generate_latest(registry).decode().count("apiserver_request_total{") == 1


@pytest.fixture
def families() -> dict[str, Metric]:
    """The families of a store with values of all kinds, as a scrape shows them."""
    store, now = SampleStore(), time.time()
    store.put("n1", "inlet_temp", Sample(25.5, now - 10.0, ttl=60.0, source="Redfish"))
    store.put("n2", "inlet_temp", Sample(30.0, now - 20.0, ttl=60.0, source="Redfish"))
    store.put("n3", "inlet_temp", Sample(99.0, now - 90.0, ttl=60.0))
    store.fail("n4", "inlet_temp", "no answer", ttl=60.0)
    store.put("n1", "cpu_usage", Sample(25.0, now, ttl=60.0, source="metrics-server"))
    store.put("n1", "predicted_watts", Sample(200.0, now, ttl=60.0, source="edge_lenovo"))
    store.put("n1", "power_watts", Sample(212.5, now, ttl=60.0, source="Redfish"))
    store.put("n2", "predicted_watts", Sample(200.0, now, ttl=60.0, source="edge_lenovo"))
    store.put("n3", "predicted_watts", Sample(200.0, now, ttl=60.0, source="edge_lenovo"))
    store.put("n3", "power_watts", Sample(212.5, now - 90.0, ttl=60.0, source="Redfish"))
    text = "".join(family.text() for family in node_families(store, lambda: 7))
    return {family.name: family for family in text_string_to_metric_families(text)}


def values(family: Metric, label: str) -> dict[str, float]:
    return {sample.labels[label]: sample.value for sample in family.samples}


def test_a_gauge_has_the_fresh_values_with_their_source(families: dict[str, Metric]) -> None:
    family = families["wao_node_inlet_temperature_celsius"]
    assert values(family, "node") == {"n1": 25.5, "n2": 30.0}
    assert {sample.labels["source"] for sample in family.samples} == {"Redfish"}
    assert families["wao_node_delta_pressure_pascals"].samples == []


def test_a_load_is_a_part_of_the_capacity(families: dict[str, Metric]) -> None:
    assert values(families["wao_node_cpu_usage_ratio"], "node") == {"n1": 0.25}


def test_the_age_is_that_of_the_oldest_fresh_sample(families: dict[str, Metric]) -> None:
    ages = values(families["wao_metric_age_seconds"], "metric")
    assert ages["inlet_temp"] == pytest.approx(20.0, abs=5.0)


def test_the_residual_of_a_model_is_shown_where_both_values_are_fresh(families: dict[str, Metric]) -> None:
    (sample,) = families["wao_model_residual_watts"].samples
    assert (sample.labels, sample.value) == ({"node": "n1", "model": "edge_lenovo"}, 12.5)


def test_nodes_are_counted_by_the_state_of_their_sample(families: dict[str, Metric]) -> None:
    samples = [sample for sample in families["wao_metric_samples"].samples if sample.labels["metric"] == "inlet_temp"]
    assert {sample.labels["state"]: sample.value for sample in samples} == {
        "fresh": 2.0,
        "expired": 1.0,
        "missing": 1.0,
    }


def test_values_that_are_not_served_are_a_counter(families: dict[str, Metric]) -> None:
    family = families["wao_metric_unrepresentable"]
    assert (family.type, [sample.value for sample in family.samples]) == ("counter", [7.0])
