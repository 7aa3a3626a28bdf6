"""The picture of the cluster that all viewers see: one immutable value per reading of the sources. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from wao_core.cluster.records import Node
from wao_core.cluster.sleeping import is_asleep
from wao_core.collector.metrics_feed import Listed
from wao_fleet.rebalance.documents import EvictionDocument, PlanDocument
from wao_fleet.standby.documents import StandbyDocument, StandbyNode
from wao_lb.documents import ServiceWeights
from wao_predict.curves import PowerCurves
from wao_scheduler.documents import DecisionDocument
from wao_scheduler.node_documents import ModelDocument, NodeDocument, NodesDocument
from wao_ui.history import Totals
from wao_ui.sensor_failures import SensorFailure

STALE = 120.0
"""Age above which a measured value counts as old on the page [s]."""
INPUTS = ("cpu_usage", "inlet_temp", "delta_p", "power_watts")
"""The measured inputs, by the names of the metrics API."""


class Power(StrEnum):
    """Power state of a node, in the order of a legend."""

    ON = "on"
    CHANGING = "starting or stopping"
    ASLEEP = "asleep"
    NOT_READY = "not ready"
    FAILED = "failed to start"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Measured:
    """A measured value with the time of its sample [s since the epoch]; None for an unknown time."""

    value: float
    at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """One node. CPU in cores, load in percent of capacity, power in watts."""

    name: str
    group: str
    power: Power
    model: str = ""
    capacity: float | None = None
    load: float | None = None
    inputs: Mapping[str, Measured] = field(default_factory=dict)
    predicted: float | None = None
    floor: float | None = None  # percent of capacity
    curve: tuple[float, ...] | None = None
    reason: str = ""
    standby: StandbyNode | None = None

    def value(self, metric: str) -> float | None:
        """Return the last measured value of a metric, None without one."""
        found = self.inputs.get(metric)
        return None if found is None else found.value

    @property
    def watts(self) -> float | None:
        """Measured power, or predicted power without a meter."""
        measured = self.value("power_watts")
        return self.predicted if measured is None else measured


@dataclass(frozen=True, slots=True)
class SourceView:
    """One source: where it is, when it was read last, why the last attempt failed, and whether it is not installed."""

    name: str
    where: str
    read_at: float | None
    problem: str
    seconds: float
    absent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """The last good answers of all sources; None for one that is not configured or was never read."""

    cluster: Mapping[str, Node] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, Listed]] | None = None
    sensors: Sequence[SensorFailure] | None = None
    nodes: NodesDocument | None = None
    decisions: Sequence[DecisionDocument] | None = None
    weights: Mapping[str, ServiceWeights] | None = None
    plan: PlanDocument | None = None
    evictions: Sequence[EvictionDocument] | None = None
    standby: StandbyDocument | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Everything that the page shows, at one moment."""

    version: int
    at: float
    nodes: tuple[NodeView, ...] = ()
    knots: tuple[float, ...] = ()
    models: Mapping[str, ModelDocument] = field(default_factory=dict)
    failures: tuple[SensorFailure, ...] = ()
    totals: Totals
    documents: Documents
    sources: tuple[SourceView, ...] = ()
    by_name: Mapping[str, NodeView] = field(default_factory=dict)

    @property
    def broken(self) -> tuple[SourceView, ...]:
        """The sources whose last reading failed, without those that are not installed."""
        return tuple(source for source in self.sources if source.problem and not source.absent)


def picture_of(
    documents: Documents, sources: Sequence[SourceView], *, group_label: str, version: int, now: float
) -> Picture:
    """Return the picture of what the sources answered.

    Parameters
    ----------
    group_label
        Label of Nodes by which they are grouped.
    """
    described = {} if documents.nodes is None else {node.name: node for node in documents.nodes.nodes}
    knots = () if documents.nodes is None else documents.nodes.knots
    standby = {} if documents.standby is None else {node.node: node for node in documents.standby.nodes}
    predicted = _predictions(knots, described)
    names = sorted(documents.cluster.keys() | described.keys())
    nodes = tuple(
        _node(name, documents, described.get(name), standby.get(name), predicted.get(name), group_label, now)
        for name in names
    )
    return Picture(
        version=version,
        at=now,
        nodes=nodes,
        knots=tuple(knots),
        models={} if documents.nodes is None else {model.label: model for model in documents.nodes.models},
        failures=_failures(documents, nodes),
        totals=_totals(nodes, documents.nodes, now),
        documents=documents,
        sources=tuple(sources),
        by_name={node.name: node for node in nodes},
    )


def _predictions(knots: Sequence[float], described: Mapping[str, NodeDocument]) -> dict[str, float]:
    """Return the predicted power of each node with a curve and a CPU sample, at its present load."""
    known = [node for node in described.values() if node.watts and node.usage_cores is not None and node.capacity_cores]
    if not known:
        return {}
    curves = PowerCurves(np.array(knots, dtype=np.float64), np.array([node.watts for node in known], dtype=np.float64))
    capacity = np.array([node.capacity_cores for node in known], dtype=np.float64)
    load = 100.0 * np.array([node.usage_cores for node in known], dtype=np.float64) / capacity
    return dict(zip((node.name for node in known), curves.at(load).tolist(), strict=True))


def _node(
    name: str,
    documents: Documents,
    described: NodeDocument | None,
    standby: StandbyNode | None,
    predicted: float | None,
    group_label: str,
    now: float,
) -> NodeView:
    record = documents.cluster.get(name)
    capacity = described.capacity_cores if described is not None else None if record is None else record.capacity_cores
    inputs = _inputs(name, documents, described, now)
    load = None if "cpu_usage" not in inputs else inputs["cpu_usage"].value
    if predicted is None and documents.metrics is not None:
        listed = documents.metrics.get("predicted_watts", {}).get(name)
        predicted = None if listed is None else listed.value
    floor = None if described is None else described.floor_cores
    return NodeView(
        name=name,
        group="" if record is None else record.labels.get(group_label, ""),
        power=power_state(record, standby),
        model="" if described is None else described.model,
        capacity=capacity,
        load=load,
        inputs=inputs,
        predicted=predicted,
        floor=None if floor is None or not capacity else 100.0 * floor / capacity,
        curve=None if described is None else described.watts,
        reason="" if described is None else described.reason,
        standby=standby,
    )


def _inputs(name: str, documents: Documents, described: NodeDocument | None, now: float) -> dict[str, Measured]:
    """Return the measured inputs of a node: those of the metrics API, else those that the scheduler uses."""
    found = {}
    if described is not None:
        if described.usage_cores is not None and described.capacity_cores:
            load = 100.0 * described.usage_cores / described.capacity_cores
            found["cpu_usage"] = Measured(load, _at(now, described.usage_age))
        if described.inlet_temp is not None:
            found["inlet_temp"] = Measured(described.inlet_temp, _at(now, described.inlet_temp_age))
        if described.delta_p is not None:
            found["delta_p"] = Measured(described.delta_p, _at(now, described.delta_p_age))
    for metric in INPUTS:
        listed = (documents.metrics or {}).get(metric, {}).get(name)
        if listed is not None:
            found[metric] = Measured(listed.value, listed.time)
    return found


def _at(now: float, age: float | None) -> float | None:
    return None if age is None else now - age


def power_state(node: Node | None, standby: StandbyNode | None) -> Power:
    """Return the power state of a node, by standby where it knows the node, else by the state of the Node."""
    if standby is not None and standby.state != "on":
        return {
            "starting": Power.CHANGING,
            "stopping": Power.CHANGING,
            "off": Power.ASLEEP,
            "failed": Power.FAILED,
        }[standby.state]
    if node is None:
        return Power.UNKNOWN
    if is_asleep(node):
        return Power.ASLEEP
    return Power.ON if node.ready else Power.NOT_READY


def _failures(documents: Documents, nodes: Sequence[NodeView]) -> tuple[SensorFailure, ...]:
    """Return the failing sensors by the NodeConfigs, and the fallbacks of other nodes by the scheduler."""
    stated = tuple(documents.sensors or ())
    seen = {failure.node for failure in stated}
    return stated + tuple(_fallback(node) for node in nodes if node.reason and node.name not in seen)


def _fallback(node: NodeView) -> SensorFailure:
    """Return a fallback of the scheduler: its reason names the inputs."""
    named = [name for name in INPUTS if name in node.reason]
    last = [node.inputs[name].at for name in named if name in node.inputs]
    return SensorFailure(node.name, ", ".join(named) or "prediction", node.reason, last[0] if len(last) == 1 else None)


def _totals(nodes: Sequence[NodeView], document: NodesDocument | None, now: float) -> Totals:
    powers = [node.watts for node in nodes if node.watts is not None]
    predicted = [node.predicted for node in nodes if node.curve is not None and node.predicted is not None]
    metered = sum(node.value("power_watts") is not None for node in nodes)
    spread = None if document is None else document.spread
    if spread is not None and not spread.pods and not spread.saved_watts:
        spread = None  # nothing could be elsewhere: the baseline is the present state
    return Totals(
        at=now,
        power=sum(powers) if powers else None,
        predicted=sum(predicted) if predicted else None,
        spread=None if spread is None else spread.baseline_watts,
        saved=None if spread is None else spread.saved_watts,
        measured_saved=None if spread is None else spread.measured_saved_watts,
        measured_nodes=metered,
        predicted_nodes=len(powers) - metered,
    )
