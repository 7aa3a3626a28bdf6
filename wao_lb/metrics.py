"""Prometheus metrics of the weight service: weight and cost of every endpoint, and the rule of every Service."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Histogram

from wao_core.serving.metrics import Labels, SeriesFamily
from wao_lb.entries import Entry
from wao_lb.weight_book import WeightBook
from wao_predict.arrays import FloatArray

_PLAN_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


def plan_duration(registry: CollectorRegistry) -> Histogram:
    """Return the histogram of the duration of plans, for the `planned` of a weight book."""
    return Histogram(
        "wao_lb_plan_duration_seconds", "Duration of a plan of all Services.", buckets=_PLAN_SECONDS, registry=registry
    )


def families(book: WeightBook) -> tuple[SeriesFamily, ...]:
    """Return the gauges of a weight book."""
    return (
        SeriesFamily(
            "wao_lb_weight_ratio",
            "Share of the traffic of a Service port in one address family, 0 to 1.",
            lambda: _endpoints(book, lambda entry: entry.rows.weights / 100.0),
        ),
        SeriesFamily(
            "wao_lb_increase_watts",
            "Power increase of one more request on the endpoint's node [W].",
            lambda: _endpoints(book, lambda entry: entry.rows.increase),
        ),
        SeriesFamily(
            "wao_lb_planned_cpu_cores",
            "Part of the Service's current CPU load planned for the endpoint [cores]; 0 for rules without a plan.",
            lambda: _endpoints(book, lambda entry: entry.rows.planned),
        ),
        SeriesFamily(
            "wao_lb_service_info",
            "The rule in use for a Service, and the reason when it differs from the configured one.",
            lambda: _services(book),
        ),
    )


def _endpoints(book: WeightBook, read: Callable[[Entry], FloatArray]) -> Iterator[tuple[Labels, float]]:
    for _, entry in sorted(book.entries().items()):
        values = read(entry).tolist()
        for labels, value in zip(entry.labels, values, strict=True):
            if math.isfinite(value):
                yield labels, value


def _services(book: WeightBook) -> Iterator[tuple[Labels, float]]:
    for _, entry in sorted(book.entries().items()):
        yield (
            (
                ("namespace", entry.service.namespace),
                ("service", entry.service.name),
                ("rule", entry.rule),
                ("reason", entry.reason),
            ),
            1.0,
        )
