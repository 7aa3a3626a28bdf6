"""EndpointSlices with weights for Cilium. Pure.

Cilium reads one weight for each EndpointSlice, from the annotation `service.cilium.io/weight`
(https://github.com/cilium/cilium/pull/46061), and gives it to every endpoint of the slice. The controller of Kubernetes
puts endpoints of many nodes into one slice, so the weights need slices of our own: one for each node, number of a port,
protocol and address family. As the slices of that controller list the same addresses, ours belong to another Service
without a selector, the front, whose annotation `waok8s.github.io/weights-of` names the Service with the endpoints.
Cilium's operator does the same for the weights of a TCPRoute.

In Cilium 1.20, a port of an address has the weight and the names that its last slice gave it, and is gone once one of
its slices lists it no more. So ports with the same number are in one slice, and an address stays in its slice
except while a named target port has several numbers on one node.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from wao_core.cluster.names import SERVICE_NAME
from wao_core.cluster.records import Endpoint, EndpointPort, EndpointSlice, Service, key_of
from wao_lb.documents import ServiceWeights, WeightedEndpoint

WEIGHT = "service.cilium.io/weight"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
MANAGER = "wao-lb"
"""Value of that label on our slices, and our field manager."""
EQUAL = 100
"""Weight of an endpoint with an equal share, which is Cilium's weight of a slice without the annotation."""
MAX_WEIGHT = 65535
MAX_ENDPOINTS = 1000
"""Endpoints of one slice, as many as the API server accepts."""


@dataclass(frozen=True, slots=True)
class _Served:
    """An endpoint of a port with its weight; 1 is an equal share of the traffic of the port."""

    port: str
    endpoint: WeightedEndpoint
    weight: float


_Place = tuple[str, str, str, int]
"""Protocol, address family, node, and number of the port."""


def front_slices(front: Service, weights: ServiceWeights) -> dict[str, EndpointSlice]:
    """Return the slices of a front by "namespace/name": the endpoints of its Service, grouped by node.

    Ports of the two Services correspond by name and protocol, as those of a Service and its slices do.
    """
    wanted = {(port.name, port.protocol) for port in front.ports}
    places: dict[_Place, dict[str, list[_Served]]] = {}
    for port in weights.ports:
        if (port.name, port.protocol) in wanted:
            usable = sum(map(_is_usable, port.endpoints))
            for item in port.endpoints:
                place = port.protocol, port.family, item.node_name or "", item.port
                served = _Served(port.name, item, item.weight * usable / 100.0)
                places.setdefault(place, {}).setdefault(item.address, []).append(served)
    found = [item for place, by_address in sorted(places.items()) for item in _place_slices(front, place, by_address)]
    return {key_of(item): item for item in found}


def _place_slices(front: Service, place: _Place, by_address: Mapping[str, list[_Served]]) -> list[EndpointSlice]:
    """Return one slice, or more where endpoints have different ports with that number, or are many."""
    groups: dict[tuple[str, ...], list[list[_Served]]] = {}
    for served in by_address.values():
        groups.setdefault(tuple(dict.fromkeys(item.port for item in served)), []).append(served)
    parts = [(names, part) for names, group in sorted(groups.items()) for part in _parts(group)]
    return [_slice(front, place, number, names, part) for number, (names, part) in enumerate(parts)]


def _parts(group: Sequence[list[_Served]]) -> list[Sequence[list[_Served]]]:
    return [group[begin : begin + MAX_ENDPOINTS] for begin in range(0, len(group), MAX_ENDPOINTS)]


def _is_usable(item: WeightedEndpoint) -> bool:
    return item.ready or item.weight > 0.0


def _weight(part: Sequence[list[_Served]]) -> int | None:
    """Return the weight of a slice, None if its endpoints receive no traffic anyway: their conditions say so."""
    weights = [item.weight for served in part for item in served if _is_usable(item.endpoint)]
    if not weights:
        return None
    mean = sum(weights) / len(weights)
    return min(MAX_WEIGHT, max(1 if mean > 0.0 else 0, round(EQUAL * mean)))


def _slice(
    front: Service, place: _Place, number: int, names: Sequence[str], part: Sequence[list[_Served]]
) -> EndpointSlice:
    protocol, family, _, port = place
    identity = msgspec.json.encode([*place, number])
    weight = _weight(part)
    return EndpointSlice(
        name=f"{front.name}-wao-{hashlib.sha256(identity).hexdigest()[:10]}",
        namespace=front.namespace,
        labels={SERVICE_NAME: front.name, MANAGED_BY: MANAGER},
        annotations={} if weight is None else {WEIGHT: str(weight)},
        service=front.name,
        address_type=family,
        endpoints=tuple(_endpoint(served[0].endpoint) for served in part),
        ports=tuple(EndpointPort(name=name, port=port, protocol=protocol) for name in names),
    )


def _endpoint(item: WeightedEndpoint) -> Endpoint:
    return Endpoint(
        addresses=(item.address,),
        node_name=item.node_name or None,
        zone=item.zone,
        ready=item.ready,
        serving=item.serving,
        terminating=item.terminating,
    )


def weight_of(found: EndpointSlice) -> int | None:
    """Return the weight in the annotation of a slice, None without a valid one."""
    text = found.annotations.get(WEIGHT, "")
    usable = len(text) <= len(str(MAX_WEIGHT)) and text.isascii() and text.isdigit()
    return int(text) if usable and int(text) <= MAX_WEIGHT else None


@dataclass(frozen=True, slots=True)
class SliceChanges:
    """What to write: slices whose endpoints differ, slices of which only the weight does, and keys to delete."""

    endpoints: tuple[EndpointSlice, ...] = ()
    weights: tuple[EndpointSlice, ...] = ()
    delete: tuple[str, ...] = ()


def slice_changes(
    wanted: Mapping[str, EndpointSlice], existing: Mapping[str, EndpointSlice], step: float
) -> SliceChanges:
    """Compare slices.

    Parameters
    ----------
    step
        Relative change of a weight from which it is written; a weight that begins or ends at 0 always is.
    """
    endpoints, weights = [], []
    for key, item in wanted.items():
        found = existing.get(key)
        if found is None or _content(found) != _content(item):
            endpoints.append(item)
        elif _differs(weight_of(found), weight_of(item), step):
            weights.append(item)
    weights.sort(key=lambda item: -_relative_change(weight_of(existing[key_of(item)]), weight_of(item)))
    return SliceChanges(tuple(endpoints), tuple(weights), tuple(sorted(existing.keys() - wanted.keys())))


def _content(item: EndpointSlice) -> tuple[object, ...]:
    return item.service, item.address_type, item.endpoints, item.ports


def _differs(old: int | None, new: int | None, step: float) -> bool:
    return old != new and _relative_change(old, new) >= step


def _relative_change(old: int | None, new: int | None) -> float:
    if not old or not new:
        return 0.0 if old == new else float("inf")
    return abs(new - old) / max(old, new)


def slice_body(item: EndpointSlice, front: Service) -> dict[str, Any]:
    """Return the object to apply; it is deleted together with its front."""
    owner = {"apiVersion": "v1", "kind": "Service", "name": front.name, "uid": front.uid}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": item.name,
            "namespace": item.namespace,
            "labels": dict(item.labels),
            **({"annotations": dict(item.annotations)} if item.annotations else {}),
            "ownerReferences": [owner],
        },
        "addressType": item.address_type,
        "endpoints": [
            {
                "addresses": list(endpoint.addresses),
                "conditions": {
                    "ready": endpoint.ready,
                    "serving": endpoint.serving,
                    "terminating": endpoint.terminating,
                },
                **({"nodeName": endpoint.node_name} if endpoint.node_name else {}),
                **({"zone": endpoint.zone} if endpoint.zone else {}),
            }
            for endpoint in item.endpoints
        ],
        "ports": [{"name": port.name, "port": port.port, "protocol": port.protocol} for port in item.ports],
    }
