"""The explanation of a node's metrics."""

from __future__ import annotations

import time

import pytest

from wao_core.cluster.records import Kind, Node
from wao_core.cluster.state import ClusterState
from wao_core.collector.store import Sample, SampleStore
from wao_metrics_api.documents import explain_node


def test_every_metric_of_a_node_is_explained() -> None:
    state, store, now = ClusterState(), SampleStore(), time.time()
    state.put(Kind.NODE, Node(name="n1"))
    store.put("n1", "inlet_temp", Sample(25.5, now - 10.0, ttl=60.0, source="Redfish"))
    store.put("n1", "delta_p", Sample(5.0, now - 90.0, ttl=60.0))
    store.fail("n1", "power_watts", "no answer in 8 s", ttl=60.0)
    store.put("n2", "cpu_usage", Sample(1.0, now))
    found = explain_node(state, store, "n1")
    assert (found.node, found.known) == ("n1", True)
    assert {name: (metric.value, metric.fresh) for name, metric in found.metrics.items()} == {
        "inlet_temp": (25.5, True),
        "delta_p": (5.0, False),
        "power_watts": (None, False),
    }
    assert found.metrics["inlet_temp"].age_seconds == pytest.approx(10.0, abs=5.0)
    failed = found.metrics["power_watts"]
    assert (failed.age_seconds, failed.state, failed.reason) == (None, "failed", "no answer in 8 s")


def test_a_node_that_the_cluster_does_not_have_is_not_known() -> None:
    found = explain_node(ClusterState(), SampleStore(), "ghost")
    assert (found.known, found.metrics) == (False, {})
