"""Prometheus metrics of the saving against the spread baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from wao_scheduler.spread_saving import Saving, SpreadSaving

_GAUGES: tuple[tuple[str, str, Callable[[Saving], float | None]], ...] = (
    (
        "baseline_watts",
        "Predicted power if the stock scheduler had spread the Pods.",
        lambda saving: saving.baseline_watts,
    ),
    (
        "saved_watts",
        "Predicted power that the placement saves against the spread baseline.",
        lambda saving: saving.saved_watts,
    ),
    (
        "measured_saved_watts",
        "Power that the placement saves against the spread baseline, by power meters; nodes without one count as "
        "predicted.",
        lambda saving: saving.measured_watts,
    ),
    ("nodes", "Nodes that are compared with the spread baseline.", lambda saving: saving.nodes),
    (
        "measured_nodes",
        "Nodes that are compared with the spread baseline and have a power meter.",
        lambda saving: saving.measured_nodes,
    ),
)


class SpreadCollector(Collector):
    """Reads the last comparison at each scrape; a saving that is not known has no series."""

    def __init__(self, saving: SpreadSaving) -> None:
        self._saving = saving

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        last = self._saving.saving
        for name, about, read in _GAUGES:
            family = GaugeMetricFamily(f"wao_spread_{name}", about)
            if last is not None and (value := read(last)) is not None:
                family.add_metric([], value)
            yield family
        less, more = "Energy that the placement saved", "Energy that the placement used more than"
        predicted, metered = self._saving.predicted, self._saving.metered
        for name, about, joules in (
            ("saved", f"{less} against the spread baseline, predicted.", predicted.saved),
            ("lost", f"{more} the spread baseline, predicted.", predicted.lost),
            ("measured_saved", f"{less} against the spread baseline, by power meters.", metered.saved),
            ("measured_lost", f"{more} the spread baseline, by power meters.", metered.lost),
        ):
            yield CounterMetricFamily(f"wao_spread_{name}_joules", about, value=joules)
