"""Prometheus metrics of the weights."""

from __future__ import annotations

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.fakes.lb_cluster import Cluster
from wao_lb.metrics import families


def scraped(cluster: Cluster) -> dict[str, Metric]:
    text = "".join(family.text() for family in families(cluster.book))
    return {family.name: family for family in text_string_to_metric_families(text)}


def test_the_weights_of_a_service_are_parts_that_sum_to_1() -> None:
    cluster = Cluster()
    cluster.settle()
    found = scraped(cluster)["wao_lb_weight_ratio"].samples
    assert len(found) == 2
    assert sum(sample.value for sample in found) == pytest.approx(1.0, abs=1e-4)
    assert sorted(sample.value for sample in found) == pytest.approx(
        sorted(part / 100.0 for part in cluster.weights().values())
    )
    assert all(sample.labels["service"] == "web" for sample in found)


def test_a_cost_that_is_not_known_has_no_series() -> None:
    cluster = Cluster()
    cluster.look((float("nan"), float("nan")))
    assert scraped(cluster)["wao_lb_increase_watts"].samples == []


def test_a_service_states_its_rule_and_why_it_is_another_one() -> None:
    cluster = Cluster()
    cluster.look(later=1000.0)
    (sample,) = scraped(cluster)["wao_lb_service_info"].samples
    assert (sample.labels["namespace"], sample.labels["rule"]) == ("default", "proportional")
    assert sample.labels["reason"] == "the CPU of too few pods is measured"


def test_the_plan_is_part_of_the_load() -> None:
    cluster = Cluster()
    cluster.settle()
    planned = scraped(cluster)["wao_lb_planned_cpu_cores"].samples
    assert sum(sample.value for sample in planned) == pytest.approx(2.0, abs=0.1)
