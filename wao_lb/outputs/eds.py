"""Envoy's endpoint discovery over REST-JSON (xDS v3, envoy.service.endpoint.v3). Pure.

`wao_lb.outputs.clusters` describes the names of clusters. A cluster has the endpoints of one port in one address
family, since an Envoy without addresses of the other family could not reach half of them. Weights are integers from 1,
as Envoy rejects 0: an endpoint without traffic is omitted, and one that is terminating drains.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from wao_lb.documents import ServiceWeights, WeightedPort
from wao_lb.outputs.clusters import cluster_names, port_named, service_of
from wao_predict.json_values import NOT_JSON

TYPE = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
SCALE = 10_000
"""Envoy weight per percent: a share of 57.25 % becomes 572500. The sum of a cluster stays far below 2^32."""

MAX_NAMES = 10_000
"""Most clusters of one request. An unknown cluster is answered with an empty assignment many times its name's size."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of a discovery response; 304 when the client has the current version."""

    status: int
    body: bytes


class _Node(msgspec.Struct):
    id: str = ""


class _Request(msgspec.Struct):
    version_info: str = ""
    resource_names: list[str] = []
    type_url: str = TYPE
    node: _Node | None = None


def answer(body: bytes, weights: Mapping[str, ServiceWeights]) -> Answer:
    """Return the response to a DiscoveryRequest; a cluster that is named repeatedly is answered once."""
    try:
        request = msgspec.json.decode(body, type=_Request)
    except NOT_JSON as error:
        return _refusal(f"not a DiscoveryRequest: {error}")
    if request.type_url not in ("", TYPE):
        return _refusal(f"only {TYPE} is served")
    wanted = list(dict.fromkeys(request.resource_names))
    if len(wanted) > MAX_NAMES:
        return _refusal(f"{len(wanted)} resource names, and {MAX_NAMES} is the limit: request all with an empty list")
    names = wanted or sorted(cluster_names(weights))
    version = _version(names, weights)
    if version == request.version_info:
        return Answer(304, b"")
    resources = [assignment(name, port_named(name, weights)) for name in names]
    document = {"version_info": version, "type_url": TYPE, "nonce": version, "resources": resources}
    return Answer(200, msgspec.json.encode(document))


def _refusal(message: str) -> Answer:
    return Answer(400, msgspec.json.encode({"error": message}))


def _version(names: Iterable[str], weights: Mapping[str, ServiceWeights]) -> str:
    """Return a version that changes whenever the assignment of one of these clusters does."""
    versions = [(name, "" if (found := weights.get(service_of(name))) is None else found.version) for name in names]
    return hashlib.sha256(msgspec.json.encode(versions)).hexdigest()[:16]


def assignment(name: str, port: WeightedPort | None) -> dict[str, Any]:
    """Return the ClusterLoadAssignment of one cluster with endpoints grouped by zone; empty if unknown."""
    zones: dict[str, list[dict[str, Any]]] = {}
    for item in () if port is None else port.endpoints:
        drains = item.weight <= 0.0
        if drains and not (item.terminating and item.serving):
            continue
        address = {"socket_address": {"address": item.address, "port_value": item.port}}
        zones.setdefault(item.zone or "", []).append(
            {
                "endpoint": {"address": address},
                "health_status": "DRAINING" if drains else "HEALTHY",
                "load_balancing_weight": max(1, round(item.weight * SCALE)),
            }
        )
    localities = [
        {
            **({"locality": {"zone": zone}} if zone else {}),
            "lb_endpoints": endpoints,
            "load_balancing_weight": sum(item["load_balancing_weight"] for item in endpoints),
        }
        for zone, endpoints in sorted(zones.items())
    ]
    return {"@type": TYPE, "cluster_name": name, "endpoints": localities}
