"""Failed readings are counted by type, reason and node."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from wao_core.collector.plan import SensorSpec, Target
from wao_core.collector.poller import Attempt, Poller
from wao_core.collector.status import ChosenSensor
from wao_core.collector.store import SampleStore
from wao_metrics_api.metrics import confidence_family
from wao_metrics_api.server import LABELLED_NODES, collect_telemetry
from wao_predict.endpoint import Endpoint
from wao_predict.sensors.base import Reading

SPEC = SensorSpec("inlet_temp", Endpoint("Redfish", "https://bmc"), 15.0)


def test_failed_readings_are_counted_by_node_up_to_a_limit() -> None:
    registry = CollectorRegistry()
    observe = collect_telemetry(registry)
    for at in range(LABELLED_NODES + 3):
        observe(Attempt(SPEC, f"n{at}", 0.1, "timeout"))
    observe(Attempt(SPEC, "n0", 0.1))

    def failed(node: str) -> float | None:
        labels = {"type": "Redfish", "reason": "timeout", "node": node}
        return registry.get_sample_value("wao_collect_errors_total", labels)

    assert failed("n0") == 1.0
    assert failed("other") == 3.0
    assert failed(f"n{LABELLED_NODES}") is None


def test_types_that_are_not_installed_share_one_label() -> None:
    """Authors of NodeConfigs must not be able to create any number of series."""
    registry = CollectorRegistry()
    observe = collect_telemetry(registry)
    for at in range(3):
        observe(Attempt(SensorSpec("inlet_temp", Endpoint(f"Invented{at}", ""), 15.0), "n1", 0.1, "error"))
    labels = {"type": "unknown", "reason": "error", "node": "n1"}
    assert 3.0 == registry.get_sample_value("wao_collect_errors_total", labels)


class Discovered:
    """A reader with a sensor that discovery chose."""

    def __init__(self, confidence: float | None) -> None:
        self._sensor = None if confidence is None else ChosenSensor("/redfish/v1/x", "System Temp", confidence)

    async def read(self) -> Reading:
        raise NotImplementedError

    def chosen(self) -> ChosenSensor | None:
        return self._sensor

    def close(self) -> None:
        return None


def test_the_confidence_of_discovered_sensors_is_published_by_node_and_metric() -> None:
    store, targets = SampleStore(), [frozenset({Target(node, "inlet_temp")}) for node in ("n1", "n2")]
    pollers = [
        Poller(SPEC, Discovered(confidence), store, targets=target, observe=lambda _: None)
        for confidence, target in zip((0.55, None), targets, strict=True)
    ]
    assert confidence_family(lambda: pollers).text().splitlines()[2:] == [
        'wao_sensor_confidence_ratio{node="n1",metric="inlet_temp"} 0.55'
    ]
