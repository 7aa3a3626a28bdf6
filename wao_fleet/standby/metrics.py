"""The Prometheus metrics of standby."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from wao_fleet.standby.progress import Phase
from wao_fleet.standby.sources import Sources


class StandbyMetrics(Collector):
    """Reads the numbers that controller and sequences keep."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Iterable[Metric]:
        """Return all families."""
        yield from self._nodes()
        yield from self._counters()
        yield from self._plan()

    def _nodes(self) -> Iterable[Metric]:
        held = self._sources.book.progress()
        nodes = GaugeMetricFamily("wao_standby_nodes", "Nodes that standby may switch, by phase.", labels=["phase"])
        for phase in Phase:
            nodes.add_metric([phase.value], sum(progress.phase is phase for progress in held.values()))
        yield nodes
        failed = GaugeMetricFamily("wao_standby_failed", "1 for a node whose last start failed.", labels=["node"])
        for name, progress in held.items():
            if progress.wake_failed:
                failed.add_metric([name], 1.0)
        yield failed
        asleep = [name for name, progress in held.items() if progress.phase is Phase.ASLEEP]
        saved = GaugeMetricFamily(
            "wao_standby_saved_watts",
            "Predicted power that a sleeping node saves: idle power less that of its BMC [W].",
            labels=["node"],
        )
        for name, watts in self._sources.saved_watts(asleep).items():
            saved.add_metric([name], watts)
        yield saved
        measured = GaugeMetricFamily(
            "wao_standby_measured_saved_watts",
            "Measured power of a node before it slept less its power now, where it has a power meter [W].",
            labels=["node"],
        )
        for name, watts in self._sources.measured_watts(asleep).items():
            measured.add_metric([name], watts)
        yield measured

    def _counters(self) -> Iterable[Metric]:
        counts = self._sources.sequences.counts
        for name, about, value in (
            ("starts", "Servers that were switched on.", counts.starts),
            ("stops", "Servers that were shut down.", counts.stops),
            ("wakes", "Nodes that became Ready after they were switched on.", counts.started),
            ("start_failures", "Nodes that did not become Ready, after all attempts.", counts.failures),
            ("power_errors", "Requests to BMCs that failed.", counts.power_errors),
            ("rounds", "Rounds of the controller.", self._sources.controller.rounds),
        ):
            yield CounterMetricFamily(f"wao_standby_{name}", about, value=value)
        waited = self._sources.controller.waited_seconds
        yield CounterMetricFamily(
            "wao_standby_pod_wait_seconds", "Time that Pods waited while nodes started, added up [s].", value=waited
        )

    def _plan(self) -> Iterable[Metric]:
        plan = self._sources.controller.plan
        leading = float(self._sources.leading())
        yield GaugeMetricFamily("wao_standby_leading", "Whether this replica holds the Lease.", value=leading)
        doubt = GaugeMetricFamily(
            "wao_standby_may_stop", "1 if nodes may be switched off now, 0 while there is a doubt."
        )
        planned = GaugeMetricFamily("wao_standby_planned", "Actions of the last decision.", labels=["action"])
        if plan is not None:
            doubt.add_metric([], float(not plan.doubt and not plan.waking_all))
            for kind in ("start", "stop"):
                planned.add_metric([kind], sum(action.kind == kind for action in plan.decision.actions))
        yield doubt
        yield planned
