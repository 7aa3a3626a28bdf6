"""The agent's metrics, of which kube-proxy has some under the same names."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from tests.wao_lb.agent.services import EXPOSED, both, rules_of, service, setup
from wao_lb.agent.family import FAMILIES
from wao_lb.agent.metrics import AgentMetrics

SYNC = "wao_lb_agent_sync_proxy_rules"


def test_a_sync_counts_services_once_and_endpoints_of_both_families() -> None:
    registry = CollectorRegistry()
    metrics = AgentMetrics(registry)
    made = service(**(dict(EXPOSED) | {"external_traffic_policy": "Local"}))
    tables = [{"default/web": rules_of(made, both(2, 3), setup(family))} for family in FAMILIES]
    metrics.note_sync(0.1, [1.5, 2.5], tables, full=True)
    assert 1 == registry.get_sample_value("wao_lb_agent_services")
    assert 4 == registry.get_sample_value("wao_lb_agent_endpoints")
    assert 1 == registry.get_sample_value(f"{SYNC}_duration_seconds_count", {"kind": "full"})
    assert 2 == registry.get_sample_value("wao_lb_agent_network_programming_duration_seconds_count")
    without_local = {
        policy: registry.get_sample_value(f"{SYNC}_no_local_endpoints", {"traffic_policy": policy})
        for policy in ("internal", "external")
    }
    assert {"internal": 0, "external": 2} == without_local


def test_without_services_everything_is_zero() -> None:
    registry = CollectorRegistry()
    AgentMetrics(registry).note_sync(0.1, [], [{}, {}], full=False)
    assert 0 == registry.get_sample_value("wao_lb_agent_services")
    assert 0 == registry.get_sample_value("wao_lb_agent_endpoints")


def test_writes_of_weights_are_counted_by_map() -> None:
    registry = CollectorRegistry()
    metrics = AgentMetrics(registry)
    metrics.note_reweigh(0.01, 3)
    metrics.note_reweigh(0.01, 2)
    assert 5 == registry.get_sample_value("wao_lb_agent_weight_maps_written_total")
    assert 2 == registry.get_sample_value("wao_lb_agent_reweigh_duration_seconds_count")
