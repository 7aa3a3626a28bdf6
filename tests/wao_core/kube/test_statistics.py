"""What is wrong with a collection is counted, reported and exported."""

from __future__ import annotations

import logging

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from wao_core.kube.statistics import CollectionMetrics, CollectionStatistics


def test_an_unreadable_object_is_logged_once_per_reason_and_counted_each_time(caplog: pytest.LogCaptureFixture) -> None:
    statistics = CollectionStatistics("pods")
    with caplog.at_level(logging.WARNING):
        for reason in ("cpu", "cpu", "memory", "memory"):
            statistics.skipped("ns/a", reason)
    assert len(caplog.records) == 2
    assert statistics.decode_errors == 4
    (problem,) = statistics.problems()
    assert (problem.where, problem.reason) == ("pods", "ns/a cannot be read: memory")


def test_an_object_that_is_readable_or_gone_is_no_problem_any_more() -> None:
    statistics = CollectionStatistics("pods")
    statistics.listed({"ns/a": "cpu", "ns/b": "cpu", "ns/c": "cpu"})
    statistics.readable("ns/a")
    assert [problem.reason for problem in statistics.problems()] == ["ns/b cannot be read: cpu (and 1 more)"]
    statistics.listed({"ns/c": "cpu"})
    assert statistics.unreadable == {"ns/c": "cpu"}
    statistics.listed({})
    assert statistics.problems() == []


def test_a_fault_is_a_problem_until_the_collection_is_confirmed() -> None:
    statistics = CollectionStatistics("nodes")
    statistics.fault("503")
    since = statistics.problems()[0].since
    statistics.fault("502")
    assert [(problem.reason, problem.since) for problem in statistics.problems()] == [("502", since)]
    statistics.confirm()
    assert statistics.problems() == []


def test_all_figures_are_exported() -> None:
    followed, untouched = CollectionStatistics("nodes"), CollectionStatistics("pods")
    followed.listed({"a": "cpu"})
    followed.fault("503")
    followed.confirm()
    registry = CollectorRegistry()
    registry.register(CollectionMetrics(lambda: [followed, untouched]))
    text = generate_latest(registry).decode()
    for line in (
        'wao_watch_lists_total{resource="nodes"} 1.0',
        'wao_watch_lists_total{resource="pods"} 0.0',
        'wao_watch_events_total{resource="nodes"} 0.0',
        'wao_watch_errors_total{resource="nodes"} 1.0',
        'wao_watch_decode_errors_total{resource="nodes"} 1.0',
        'wao_watch_unreadable_objects{resource="nodes"} 1.0',
    ):
        assert line in text
    assert 'wao_watch_age_seconds{resource="nodes"}' in text
    assert 'wao_watch_age_seconds{resource="pods"}' not in text  # never confirmed: missing, not 0
