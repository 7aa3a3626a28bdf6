"""Prometheus metrics of the metrics API: its requests, and the values of the nodes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram

from wao_core.collector.poller import Poller
from wao_core.collector.store import SampleStore
from wao_core.serving.metrics import Labels, SeriesFamily
from wao_metrics_api.names import GroupVersion
from wao_predict.calibration.correction import Correction


@dataclass(frozen=True, slots=True)
class Gauge:
    """How the values of a metric of nodes are published; they are divided by `divisor`."""

    name: str
    help: str
    divisor: float = 1.0


GAUGES = {
    "inlet_temp": Gauge("wao_node_inlet_temperature_celsius", "Inlet temperature of the node."),
    "delta_p": Gauge(
        "wao_node_delta_pressure_pascals", "Static pressure difference between front and back of the node."
    ),
    "power_watts": Gauge("wao_node_power_watts", "Measured power of the node."),
    "predicted_watts": Gauge("wao_node_predicted_power_watts", "Predicted power of the node."),
    "cpu_usage": Gauge(
        "wao_node_cpu_usage_ratio", "CPU use of the node as a part of its capacity, 0 to 1.", divisor=100.0
    ),
}
_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1.0)


class RequestTelemetry:
    """Counts and times requests, with the metric names of Kubernetes API servers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("verb", "group", "version", "resource", "subresource", "code")
        self._total = Counter(
            "apiserver_request",
            "Requests by verb, group, version, resource, subresource and status code.",
            labels,
            registry=registry,
        )
        self._duration = Histogram(
            "apiserver_request_duration_seconds",
            "Response time, without authentication.",
            ("verb", "group", "version"),
            buckets=_BUCKETS,
            registry=registry,
        )
        # looking up a child by label values costs more than the rest of an observation
        self._children: dict[tuple[GroupVersion, str, int], tuple[Callable[[], None], Callable[[float], None]]] = {}

    def observe(self, api: GroupVersion, metric: str, code: int, seconds: float) -> None:
        """Count one response; metric names of requests that failed are not kept, as callers can invent them."""
        key = (api, metric if code == 200 else "", code)
        child = self._children.get(key)
        if child is None:
            resource = "nodes" if key[1] else ""
            counter = self._total.labels("get", *api, resource, key[1], str(code))
            child = (counter.inc, self._duration.labels("get", *api).observe)
            self._children[key] = child
        child[0]()
        child[1](seconds)


def node_families(store: SampleStore, lost: Callable[[], int]) -> list[SeriesFamily]:
    """Return the families of node values; `lost` returns the number of values that no quantity can express."""
    families = [
        SeriesFamily(gauge.name, gauge.help, _fresh_values(store, metric, gauge.divisor))
        for metric, gauge in GAUGES.items()
    ]
    families.append(
        SeriesFamily(
            "wao_model_residual_watts",
            "Measured minus predicted power of the node, where both are fresh.",
            lambda: _residuals(store),
        )
    )
    families.append(
        SeriesFamily(
            "wao_metric_age_seconds",
            "Age of the oldest fresh sample of each metric.",
            lambda: _oldest(store),
        )
    )
    families.append(
        SeriesFamily(
            "wao_metric_samples",
            "Nodes by metric and state of the sample: fresh, expired or missing.",
            lambda: _states(store),
        )
    )
    families.append(
        SeriesFamily(
            "wao_metric_unrepresentable_total",
            "Values that were not served because they are not finite or too large.",
            lambda: [((), float(lost()))],
            type_="counter",
        )
    )
    return families


def confidence_family(pollers: Callable[[], Iterable[Poller]]) -> SeriesFamily:
    """Return the family of the confidence in the sensors that discovery chose, by node and metric."""
    return SeriesFamily(
        "wao_sensor_confidence_ratio",
        "Confidence that the sensor chosen by discovery is the right one, 0 to 1.",
        lambda: _confidences(pollers()),
    )


def correction_families(corrections: Callable[[], Mapping[str, tuple[str, Correction]]]) -> list[SeriesFamily]:
    """Return the families of the corrections of models that are applied, by node and model."""

    def series(value: Callable[[Correction], float]) -> Callable[[], Iterable[tuple[Labels, float]]]:
        return lambda: [
            ((("node", node), ("model", model)), value(correction))
            for node, (model, correction) in corrections().items()
        ]

    return [
        SeriesFamily(
            "wao_model_correction_scale",
            "Factor by which the predicted power of the node is corrected.",
            series(lambda correction: correction.scale),
        ),
        SeriesFamily(
            "wao_model_correction_offset_watts",
            "Offset by which the predicted power of the node is corrected.",
            series(lambda correction: correction.offset),
        ),
    ]


def _confidences(pollers: Iterable[Poller]) -> Iterable[tuple[Labels, float]]:
    for poller in pollers:
        chosen = poller.reader.chosen()
        if chosen is not None and chosen.confidence is not None:
            for target in sorted(poller.targets):
                yield (("node", target.node), ("metric", target.metric)), chosen.confidence


def _fresh_values(store: SampleStore, metric: str, divisor: float) -> Callable[[], Iterable[tuple[Labels, float]]]:
    def read() -> Iterable[tuple[Labels, float]]:
        now = time.time()
        return [
            ((("node", node), ("source", sample.source)), sample.value / divisor)
            for node, sample in store.by_node(metric).items()
            if sample.fresh(now)
        ]

    return read


def _residuals(store: SampleStore) -> Iterable[tuple[Labels, float]]:
    """Yield the residual of each node by its model: a model that does not fit its server drifts away from 0."""
    now = time.time()
    measured = store.by_node("power_watts")
    for node, predicted in store.by_node("predicted_watts").items():
        power = measured.get(node)
        if power is not None and power.fresh(now) and predicted.fresh(now):
            yield (("node", node), ("model", predicted.source)), round(power.value - predicted.value, 3)


def _oldest(store: SampleStore) -> Iterable[tuple[Labels, float]]:
    now = time.time()
    for metric in store.metrics():
        ages = [now - sample.time for sample in store.by_node(metric).values() if sample.fresh(now)]
        if ages:
            yield (("metric", metric),), round(max(ages), 3)


def _states(store: SampleStore) -> Iterable[tuple[Labels, float]]:
    now = time.time()
    for metric in store.metrics():
        counts = {"fresh": 0, "expired": 0, "missing": 0}
        for sample in store.by_node(metric).values():
            counts["missing" if not sample.measured else "fresh" if sample.fresh(now) else "expired"] += 1
        for state, count in counts.items():
            yield (("metric", metric), ("state", state)), float(count)
