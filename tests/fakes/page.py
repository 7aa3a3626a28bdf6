"""Documents of the applications as the page reads them, and the picture made of them."""

from __future__ import annotations

from typing import Any

from wao_core.cluster.records import Node
from wao_core.collector.metrics_feed import Listed
from wao_lb.documents import ServiceWeights, WeightedEndpoint, WeightedPort
from wao_scheduler.documents import DecisionDocument
from wao_scheduler.node_documents import ModelDocument, NodeDocument, NodesDocument, SpreadDocument
from wao_ui.picture import Documents, Picture, SourceView, picture_of

NOW = 1_800_000_000.0
KNOTS = (0.0, 100.0)
RACK = "example.com/rack"


def described(name: str, **fields: Any) -> NodeDocument:
    known: dict[str, Any] = {
        "model": "m",
        "capacity_cores": 10.0,
        "usage_cores": 5.0,
        "assumed_cores": 0.0,
        "usage_age": 3.0,
        "floor_cores": 1.0,
        "inlet_temp": 22.0,
        "inlet_temp_age": 4.0,
        "delta_p": 5.0,
        "delta_p_age": 5.0,
        "reason": "",
        "residual_watts": None,
        "watts": (100.0, 200.0),
    }
    return NodeDocument(name=name, **{**known, **fields})


def nodes_document(*nodes: NodeDocument, spread: SpreadDocument | None = None) -> NodesDocument:
    model = ModelDocument(
        label="m",
        features=("cpu_usage", "inlet_temp"),
        ranges={"cpu_usage": (0.0, 90.0), "inlet_temp": (18.0, 30.0)},
        error_watts=2.0,
        error_percent=1.5,
    )
    return NodesDocument(knots=KNOTS, models=(model,), nodes=nodes, spread=spread)


def records(*names: str) -> dict[str, Node]:
    return {name: Node(name=name, labels={RACK: f"rack-{index}"}) for index, name in enumerate(names, start=1)}


def listed(**values: float) -> dict[str, Listed]:
    return {name: Listed(value, NOW - 10.0, None) for name, value in values.items()}


def weights(*shares: float) -> dict[str, ServiceWeights]:
    endpoints = tuple(
        WeightedEndpoint(address=f"10.0.0.{index}", port=80, node_name=f"n{index}", weight=share)
        for index, share in enumerate(shares, start=1)
    )
    port = WeightedPort(name="http", port=80, protocol="TCP", endpoints=endpoints)
    return {"shop/web": ServiceWeights(namespace="shop", service="web", rule="lookahead", version="1", ports=(port,))}


def decision(pod: str, chosen: str | None, summary: str = "it costs least there") -> DecisionDocument:
    return DecisionDocument(
        pod=pod,
        uid="u",
        at=NOW,
        profile="default",
        rule="lookahead",
        cpu_cores=1.0,
        cpu_source="requests",
        chosen=chosen,
        outcome="scored",
        summary=summary,
        floor_history=None,
        candidates=2,
        nodes=[],
    )


def picture(documents: Documents, *sources: SourceView, version: int = 1, now: float = NOW) -> Picture:
    return picture_of(documents, sources, group_label=RACK, version=version, now=now)
