"""EndpointSlices with weights for Cilium, on a real API server with the rights of the component."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.bed.controlplane import ControlPlane
from tests.cluster.bed.program import wait_for
from tests.cluster.lb.site import NODES, PODS, SERVICES, SLICES, Site, named_pod, service
from tests.fakes.workload_manifests import MANIFESTS, documents
from wao_core.kube.resources import api_path
from wao_lb.outputs.cilium import MANAGED_BY, MANAGER, WEIGHT
from wao_lb.settings import WEIGHTS_OF

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.fixture
def front(bed: ControlPlane, site: Site) -> Iterator[str]:
    """A front of the Service `web`, and a weight service with the component `cilium`."""
    for item in documents(MANIFESTS / "components" / "cilium" / "rbac.yaml"):
        metadata = item["metadata"]
        path = api_path(item["apiVersion"], f"{item['kind'].lower()}s", namespace=metadata.get("namespace", ""))
        bed.admin.create(path, item)
    made, few = service("front", labels={}), service("few", labels={}, selector={"app": "few"})
    made["metadata"]["annotations"] = {WEIGHTS_OF: "web"}
    for item in (made, few):
        item["spec"]["ports"].append({"name": "alt", "port": 81, "targetPort": 8080})
    bed.admin.create(SERVICES, made)
    bed.admin.create_all(PODS, [named_pod(f"few-{row}", "few", NODES.names[row]) for row in range(2)])
    bed.admin.create(SERVICES, few)
    flags = ("--settle-time=0", "--agent-check-port=0", "--cilium", "--proxy-name=")
    container = site.deployment.start("wao-lb", *flags, without=("--agent-check-port",))
    yield "front"
    container.stop()
    assert "forbidden" not in container.text().lower(), container.text()
    bed.admin.delete_all([f"{SERVICES}/front", f"{SERVICES}/few", f"{PODS}/few-0"])


def slices(bed: ControlPlane, name: str) -> list[dict[str, Any]]:
    return list(bed.admin.get(f"{SLICES}?labelSelector=kubernetes.io%2Fservice-name%3D{name}")["items"])


def nodes(bed: ControlPlane, name: str) -> set[str]:
    return {endpoint["nodeName"] for item in slices(bed, name) for endpoint in item["endpoints"]}


def port_names(bed: ControlPlane, name: str) -> list[set[str]]:
    return [{port["name"] for port in item["ports"]} for item in slices(bed, name)]


def test_a_front_has_a_slice_for_each_node_until_its_annotation_goes(bed: ControlPlane, site: Site, front: str) -> None:
    wait_for(lambda: len(slices(bed, front)) == len(NODES.names), "a slice for each node", pause=0.2)
    found = slices(bed, front)
    assert {item["metadata"]["labels"][MANAGED_BY] for item in found} == {MANAGER}
    assert {item["metadata"]["managedFields"][0]["manager"] for item in found} == {MANAGER}
    listed = {address for item in found for endpoint in item["endpoints"] for address in endpoint["addresses"]}
    assert listed == site.shares("web").keys()
    assert nodes(bed, front) == set(NODES.names)
    weights = [int(item["metadata"]["annotations"][WEIGHT]) for item in found]
    assert sum(weights) == pytest.approx(100 * len(NODES.names), rel=0.05)
    assert max(weights) > 2 * min(weights)

    bed.admin.patch(f"{SERVICES}/{front}", {"metadata": {"annotations": {WEIGHTS_OF: "few"}}})
    wait_for(lambda: nodes(bed, front) == set(NODES.names[:2]), "the slices of another Service", pause=0.2)
    wait_for(lambda: port_names(bed, front) == [{"http", "alt"}] * 2, "slices with both of its ports", pause=0.2)
    bed.admin.delete(f"{PODS}/few-1")
    wait_for(lambda: nodes(bed, front) == {NODES.names[0]}, "the deleted Pod gone", pause=0.2)

    bed.admin.patch(f"{SERVICES}/{front}", {"metadata": {"annotations": {WEIGHTS_OF: None}}})
    wait_for(lambda: slices(bed, front) == [], "the slices deleted", pause=0.2)
    assert slices(bed, "web")  # those of the EndpointSlice controller stay
