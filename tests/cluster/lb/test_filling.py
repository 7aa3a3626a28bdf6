"""Odd endpoints of every kind, each in a Service of its own: the others are filled as if it were not there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.cluster.bed.controlplane import ControlPlane, node
from tests.cluster.bed.program import BedError, wait_for
from tests.cluster.lb.site import PODS, SERVICES, SLICES, Site, service, usage_pod
from tests.cluster.scheduler.fleets import NODE_CONFIGS, Group
from wao_predict.traffic.reasons import NOTE_TEXTS, Note

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
NODES = Group("fill", {"edge_lenovo": 4, "edge_supermicro": 4}, load=(3.0, 15.0))
COUNT = len(NODES.names)
EQUAL = 100.0 / COUNT
FLOOR = 0.02 * EQUAL
CORES, LIMIT = 0.5, 8.0
"""CPU that a pod uses, and its limit: one pod could carry the whole load of its Service."""
BARE, BLIND = "fill-bare", "fill-blind"
"""A node with CPU samples but without NodeConfig, and one with neither."""
OUTSIDE = "192.0.2.7"


@dataclass(frozen=True)
class Odd:
    """What is odd about the last endpoint of a Service: its CPU, its limit, its node, and what follows from that.

    An endpoint with `most` gets at most this share of the traffic [%].
    """

    usage: float = CORES
    limit: float | None = LIMIT
    node: str = NODES.names[-1]
    most: float = 100.0
    note: Note = Note.NONE


KINDS = {
    "known": Odd(),
    "unmeasured": Odd(usage=0.0, most=EQUAL, note=Note.ESTIMATED),  # metrics-server leaves out a pod that uses nothing
    "unlimited": Odd(limit=None, note=Note.ASSUMED_LIMIT),
    "busy": Odd(usage=LIMIT, most=FLOOR, note=Note.AT_LIMIT),
    "bare": Odd(node=BARE, most=EQUAL, note=Note.NEUTRAL),
    "blind": Odd(usage=0.0, node=BLIND, most=EQUAL, note=Note.NEUTRAL),
    "outside": Odd(node="", most=EQUAL, note=Note.NEUTRAL),
}


def pods(kind: str, odd: Odd) -> list[dict[str, Any]]:
    """Return the pods of a Service, the odd one last; an endpoint outside the cluster has none."""
    app = f"fill-{kind}"
    made = [usage_pod(f"{app}-{row}", app, name, CORES, limit=LIMIT) for row, name in enumerate(NODES.names[:-1])]
    if odd.node:
        made.append(usage_pod(f"{app}-{COUNT - 1}", app, odd.node, odd.usage, limit=odd.limit))
    return made


def outside_slice(name: str) -> dict[str, Any]:
    """Return an EndpointSlice with the address of a server that is no pod."""
    return {
        "metadata": {"name": f"{name}-outside", "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [OUTSIDE], "conditions": {"ready": True}}],
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    }


@pytest.fixture(scope="module")
def filled(bed: ControlPlane, site: Site) -> Iterator[Site]:
    """The site with the Services of all kinds."""
    blind = node(BLIND)
    del blind["metadata"]["annotations"]["metrics.k8s.io/resource-metrics-path"]
    nodes = [*NODES.nodes(), node(BARE), blind]
    bed.admin.create_all("/api/v1/nodes", nodes)
    bed.admin.create_all(NODE_CONFIGS, NODES.node_configs())
    made = [*NODES.base_pods(), *(each for kind, odd in KINDS.items() for each in pods(kind, odd))]
    bed.admin.create_all(PODS, made)
    bed.admin.create_all(SERVICES, [service(f"fill-{kind}", selector={"app": f"fill-{kind}"}) for kind in KINDS])
    bed.admin.create(SLICES, outside_slice("fill-outside"))
    yield site
    bed.admin.delete_all(f"{SERVICES}/fill-{kind}" for kind in KINDS)
    bed.admin.delete(f"{SLICES}/fill-outside-outside")
    bed.admin.delete_all(f"{PODS}/{each['metadata']['name']}?gracePeriodSeconds=0" for each in made)
    bed.admin.delete_all(f"{NODE_CONFIGS}/{name}" for name in NODES.names)
    bed.admin.delete_all(f"/api/v1/nodes/{each['metadata']['name']}" for each in nodes)


def endpoints(site: Site, kind: str) -> list[dict[str, Any]]:
    """Return the endpoints of a Service, the odd one last; none before all are there."""
    document = site.document(f"fill-{kind}")
    found = [item for port in (document or {"ports": []})["ports"] for item in port["endpoints"]]
    found.sort(key=lambda item: [*NODES.names[:-1], KINDS[kind].node or None].index(item.get("nodeName")))
    return found if len(found) == COUNT else []


@pytest.mark.parametrize("kind", KINDS)
def test_an_odd_endpoint_takes_at_most_its_share_and_the_others_are_filled(filled: Site, kind: str) -> None:
    def is_filled() -> bool:
        document, found = filled.document(f"fill-{kind}"), endpoints(filled, kind)
        if not found or (document["rule"], document["reason"]) != ("lookahead", ""):
            return False
        odd, others = found[-1], found[:-1]
        carrying = [item for item in others if item["weight"] > EQUAL / 2]
        right = odd["weight"] <= 1.01 * KINDS[kind].most and odd["reason"] in ("", NOTE_TEXTS[KINDS[kind].note])
        return right and len(carrying) <= 2

    try:
        wait_for(is_filled, f"Service fill-{kind} is filled", pause=0.5)
    except BedError as error:
        pytest.fail(f"{error}\n{json.dumps(filled.document(f'fill-{kind}'), indent=1)}")
    if KINDS[kind].note is not Note.NONE:
        assert endpoints(filled, kind)[-1]["reason"] == NOTE_TEXTS[KINDS[kind].note]
