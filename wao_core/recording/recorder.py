"""Turns what a cluster measures into rows: CPU windows of metrics.k8s.io, and samples of BMCs and sensors."""

from __future__ import annotations

import math
from collections import Counter

from wao_core.collector.store import SampleStore
from wao_core.collector.usage import METRIC as CPU_USAGE
from wao_core.recording.nodes import METRICS, RecordedNodes
from wao_predict.recording.coverage import Coverage
from wao_predict.recording.files import Recording
from wao_predict.recording.windows import NodeSamples, Window


class ClusterRecorder:
    """Appends a row for each window in which metrics-server measured the CPU use of a node.

    Parameters
    ----------
    store
        Where `cpu_usage` and the metrics of the nodes are.
    target
        Where rows are appended. Windows up to its last row of a node are left out.
    """

    def __init__(self, store: SampleStore, target: Recording, recorded: RecordedNodes) -> None:
        self._store, self._target, self._recorded = store, target, recorded
        columns = [METRICS[metric] for metric in recorded.metrics]
        self._nodes = [NodeSamples(name, columns, after=target.last(name)) for name in recorded.names]
        self._seen: set[str] = set()
        self.coverage = Coverage()

    def step(self, now: float) -> None:
        """Take what is new, and append the rows that are complete at `now` [s since the epoch]."""
        for node in self._nodes:
            self._take(node)
            rows = node.rows(now)
            if rows:
                self._target.append(rows)
                self.coverage.add(rows)
                self._seen.add(node.node)

    def problem(self, now: float) -> str:
        """Return what is missing at most nodes, with their number; empty if nothing is."""
        reasons = Counter(why for node in self._nodes if (why := self._missing(node.node, now)))
        if not reasons:
            return ""
        reason, count = reasons.most_common(1)[0]
        return f"{count} of {len(self._nodes)} nodes: {reason}"

    @property
    def nodes_with_rows(self) -> int:
        """The number of nodes that have a row."""
        return len(self._seen)

    def _take(self, node: NodeSamples) -> None:
        for metric in self._recorded.metrics:
            sample = self._store.get(node.node, metric)
            if sample is not None and sample.measured:
                node.add(METRICS[metric], sample.time, sample.value)
        used = self._store.get(node.node, CPU_USAGE)
        if used is not None and used.measured:
            node.add_window(Window(used.time, used.window or 0.0, min(used.value, 100.0)))

    def _missing(self, node: str, now: float) -> str:
        for metric in (CPU_USAGE, *self._recorded.metrics):
            sample = self._store.get(node, metric)
            if sample is None:
                source = "metrics.k8s.io has no value" if metric == CPU_USAGE else "not read yet"
                return f"{metric}: {source}"
            if not sample.fresh(now):
                age = "" if math.isnan(sample.value) else f", the last value is {now - sample.time:.0f} s old"
                return f"{metric}: {sample.reason or 'no new value'}{age}"
        return ""
