"""What the parts of the pages show of a picture: the values of their templates. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

from wao_lb.documents import ServiceWeights, WeightedEndpoint
from wao_scheduler.node_documents import ModelDocument
from wao_ui import texts
from wao_ui.picture import INPUTS, STALE, NodeView, Picture

Values = dict[str, Any]
UNITS = {"cpu_usage": "%", "inlet_temp": "\N{DEGREE SIGN}C", "delta_p": "Pa", "power_watts": "W"}
MOST_ROWS = 500
"""Rows of a table of failures."""


def status(picture: Picture) -> Values:
    """Return the values of the line below the header."""
    return {
        "at": picture.at or None,
        "broken": picture.broken,
        "sources": picture.sources,
        "failures": picture.failures,
    }


def tiles(picture: Picture) -> Values:
    """Return the values of the tiles of the fleet."""
    loaded = [node for node in picture.nodes if node.load is not None and node.capacity]
    capacity = sum(node.capacity or 0.0 for node in loaded)
    used = sum((node.load or 0.0) * (node.capacity or 0.0) / 100.0 for node in loaded)
    warm = [node for node in picture.nodes if node.value("inlet_temp") is not None]
    hottest = max(warm, key=lambda node: node.value("inlet_temp") or 0.0, default=None)
    return {
        "totals": picture.totals,
        "no_baseline": _no_baseline(picture),
        "nodes": len(picture.nodes),
        "states": dict(Counter(node.power.value for node in picture.nodes)),
        "capacity": capacity if loaded else None,
        "used": used if loaded else None,
        "load": 100.0 * used / capacity if capacity else None,
        "hottest": None if hottest is None else hottest.value("inlet_temp"),
        "hottest_node": None if hottest is None else hottest.name,
    }


def _no_baseline(picture: Picture) -> str:
    """Return why there is no spread baseline, if there is none."""
    if picture.documents.nodes is None:
        configured = any(source.name == "scheduler, nodes" for source in picture.sources)
        return "the scheduler cannot be read" if configured else "it needs the scheduler"
    return "no Pods known that could be elsewhere"


def node(picture: Picture, name: str) -> Values:
    """Return the values of the facts of one node.

    Raises
    ------
    KeyError
        There is no such node.
    """
    found = picture.by_name[name]
    model = picture.models.get(found.model)
    measured = found.value("power_watts")
    difference = None if measured is None or found.predicted is None else measured - found.predicted
    return {"node": found, "model": model, "difference": difference, "outside": outside(found, model)}


def outside(node: NodeView, model: ModelDocument | None) -> str:
    """Return which inputs of a node are outside the range that its model was trained on; empty for none."""
    if model is None or not model.ranges:
        return ""
    found = []
    for name, (low, high) in model.ranges.items():
        value = node.value(name)
        if value is not None and not low <= value <= high:
            limits = f"{texts.number(low)} to {texts.number(high)}"
            found.append(f"{name} of {texts.number(value)} {UNITS.get(name, '')} is not within {limits}")
    return "; ".join(found)


def node_inputs(picture: Picture, name: str) -> Values:
    """Return the values of the table of inputs of one node."""
    return {
        "node": picture.by_name[name],
        "inputs": [(metric, UNITS[metric]) for metric in INPUTS],
        "failures": [failure for failure in picture.failures if failure.node == name],
        "now": picture.at,
    }


def placements(picture: Picture, *, on_node: str | None = None) -> Values:
    """Return the values of the table of decisions, all or those for one node."""
    decisions = picture.documents.decisions
    if decisions is not None and on_node is not None:
        decisions = [decision for decision in decisions if decision.chosen == on_node]
    return {
        "decisions": decisions,
        "id": "placements",
        "nothing": "The scheduler has decided on no Pod yet." if on_node is None else "No Pod of the last decisions.",
        "missing": missing(picture, "scheduler, decisions", "--scheduler-url"),
    }


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """One Service in the list of all, with the endpoints of its first port."""

    namespace: str
    service: str
    rule: str
    reason: str
    endpoints: tuple[WeightedEndpoint, ...]

    @property
    def low(self) -> float:
        """The smallest weight."""
        return min(endpoint.weight for endpoint in self.endpoints)

    @property
    def high(self) -> float:
        """The largest weight."""
        return max(endpoint.weight for endpoint in self.endpoints)


def services(picture: Picture) -> Values:
    """Return the values of the table of Services."""
    weights = picture.documents.weights
    rows = None if weights is None else [_service_row(weights[key]) for key in sorted(weights)]
    return {"services": rows, "missing": missing(picture, "weight service", "--lb-url")}


def weights_of(picture: Picture, name: str) -> ServiceWeights | None:
    """Return the weights of a Service, None if there are none."""
    return (picture.documents.weights or {}).get(name)


def _service_row(weights: ServiceWeights) -> ServiceRow:
    endpoints = weights.ports[0].endpoints if weights.ports else ()
    ordered = tuple(sorted(endpoints, key=lambda endpoint: -endpoint.weight))
    return ServiceRow(weights.namespace, weights.service, weights.rule, weights.reason, ordered)


def moves(picture: Picture) -> Values:
    """Return the values of the plan of the rebalancer."""
    return {
        "plan": picture.documents.plan,
        "evictions": picture.documents.evictions,
        "missing": missing(picture, "rebalancer, plan", "--rebalance-url"),
        "now": picture.at,
    }


def standby(picture: Picture) -> Values:
    """Return the values of the decisions of standby, nodes with an action or a state of interest first."""
    document = picture.documents.standby
    nodes = [] if document is None else sorted(document.nodes, key=lambda one: (one.action is None, one.state == "on"))
    return {
        "standby": document,
        "nodes": nodes,
        "missing": missing(picture, "standby", "--standby-url"),
    }


@dataclass(frozen=True, slots=True)
class AgeRow:
    """The ages of one input over all nodes [s]; None without a value."""

    name: str
    nodes: int
    median: float | None
    oldest: float | None
    node: str


def ages(picture: Picture) -> list[AgeRow]:
    """Return the ages of each input."""
    return [_age_row(name, picture.nodes, picture.at) for name in INPUTS]


def _age_row(name: str, nodes: Iterable[NodeView], now: float) -> AgeRow:
    found = [(node.inputs[name], node.name) for node in nodes if name in node.inputs]
    known = [(now - value.at, node) for value, node in found if value.at is not None]
    if not known:
        return AgeRow(name, len(found), None, None, "")
    oldest, node = max(known)
    return AgeRow(name, len(found), median(age for age, _ in known), oldest, node)


def inputs(picture: Picture) -> Values:
    """Return the values of the page of inputs."""
    return {
        "sources": picture.sources,
        "ages": ages(picture),
        "failures": picture.failures[:MOST_ROWS],
        "total": len(picture.nodes),
        "stale": STALE,
        "now": picture.at,
    }


def missing(picture: Picture, source: str, option: str) -> str:
    """Return why a part of the page is empty."""
    found = next((one for one in picture.sources if one.name == source), None)
    if found is None:
        return f"This part is empty, because wao ui was started without {option}."
    if found.absent:
        return f"This part is empty, because {found.where} is not installed."
    return f"{found.where} cannot be read: {found.problem}" if found.problem else "It has not been read yet."
