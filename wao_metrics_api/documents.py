"""Bodies of the metrics API for people and programs, outside the API group."""

from __future__ import annotations

import time

from pydantic import Field

from wao_core.cluster.state import ClusterState
from wao_core.collector.store import Sample, SampleStore
from wao_core.serving.api import ApiDocument


class MetricExplanation(ApiDocument):
    """The last sample of one metric of a node; a missing value is null."""

    value: float | None = Field(description="in the unit of the metric")
    age_seconds: float | None
    ttl_seconds: float = Field(description="seconds that a sample is served")
    fresh: bool = Field(description="whether the value is served")
    state: str
    reason: str = Field(description="why there is no fresh value; empty when there is one")
    source: str = Field(description="sensor type, or what computed the value")


class NodeExplanation(ApiDocument):
    """The metrics of one node."""

    node: str
    known: bool = Field(description="whether the cluster has a node of this name")
    metrics: dict[str, MetricExplanation]


def explain_node(state: ClusterState, store: SampleStore, name: str) -> NodeExplanation:
    """Return every metric of a node with its state, its age and the reason when it has no fresh value."""
    now = time.time()
    samples = {metric: store.get(name, metric) for metric in store.metrics()}
    metrics = {metric: _explain(sample, now) for metric, sample in samples.items() if sample is not None}
    return NodeExplanation(node=name, known=name in state.nodes, metrics=metrics)


def _explain(sample: Sample, now: float) -> MetricExplanation:
    return MetricExplanation(
        value=sample.value if sample.measured else None,
        age_seconds=round(now - sample.time, 3) if sample.measured else None,
        ttl_seconds=sample.ttl,
        fresh=sample.fresh(now),
        state=sample.state.value,
        reason=sample.reason,
        source=sample.source,
    )
