"""PodSpread on real Deployments: never pending, spread as asked, whatever the nodes are like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from tests.cluster.bed.program import wait_for
from tests.cluster.scheduler.conftest import GROUPS
from tests.cluster.scheduler.fleets import LABEL
from tests.cluster.scheduler.site import PATIENCE, Site

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
ANNOTATION = "waok8s.github.io/podspread-rate"
APPS = "/apis/apps/v1/namespaces"


NUMBERS = count(1)


def deployment(group: str, replicas: int, rate: str) -> dict[str, Any]:
    """Return a Deployment with the annotation on itself only; no name comes twice, so leftovers do not count."""
    name = f"spread-{group}-{next(NUMBERS)}"
    container = {"name": "c", "image": "registry.example/none:1", "resources": {"requests": {"cpu": "500m"}}}
    pod = {
        "schedulerName": "wao-scheduler",
        "nodeSelector": {LABEL: group},
        "containers": [container],
        "terminationGracePeriodSeconds": 0,
    }
    metadata = {"labels": {"run": name}}
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": {"run": name}},
        "template": {"metadata": metadata, "spec": pod},
    }
    about = {"name": name, "annotations": {ANNOTATION: rate}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": about, "spec": spec}


class Spreading:
    """Deployments that are gone after the test."""

    def __init__(self, site: Site) -> None:
        self.site, self._made = site, list[str]()

    def create(self, body: dict[str, Any], namespace: str = "default") -> str:
        """Create a Deployment and return its name."""
        path, name = f"{APPS}/{namespace}/deployments", str(body["metadata"]["name"])
        self.site.bed.admin.create(path, body)
        self._made.append(f"{path}/{name}")
        return name

    def pods(self, name: str, namespace: str = "default") -> list[Any]:
        """Return the pods that are not on their way out."""
        path = f"/api/v1/namespaces/{namespace}/pods?labelSelector=run%3D{name}"
        items = self.site.bed.admin.get(path)["items"]
        return [item for item in items if "deletionTimestamp" not in item["metadata"]]

    def nodes(self, name: str, number: int, namespace: str = "default") -> Counter[str]:
        """Wait until there are so many pods and all are bound, and count them by node."""
        found: list[str] = []

        def bound() -> bool:
            found[:] = [item["spec"].get("nodeName", "") for item in self.pods(name, namespace)]
            return len(found) == number and all(found)

        wait_for(bound, f"{number} pods of {name} bound", seconds=PATIENCE, pause=0.2)
        return Counter(found)

    def patch(self, name: str, spec: dict[str, Any]) -> None:
        self.site.bed.admin.patch(f"{APPS}/default/deployments/{name}", {"spec": spec})

    def replica_sets(self, name: str) -> set[str]:
        """Return the owners of the pods."""
        return {item["metadata"]["ownerReferences"][0]["name"] for item in self.pods(name)}

    def close(self) -> None:
        for path in self._made:
            self.site.bed.admin.delete(path)
        for path in self._made:
            namespace, name = path.split("/")[5], path.rpartition("/")[2]
            gone = lambda name=name, namespace=namespace: not self.pods(name, namespace)  # noqa: E731
            wait_for(gone, "pods gone", seconds=PATIENCE, pause=0.2)
        self._made.clear()


@pytest.fixture
def spreading(site: Site) -> Iterator[Spreading]:
    made = Spreading(site)
    try:
        yield made
    finally:
        made.close()


def zone(node: str) -> int:
    return int(node.rpartition("-")[2]) // 3


def test_the_annotation_on_the_deployment_alone_is_enough(spreading: Spreading) -> None:
    """Without it all five go to one node."""
    packed = spreading.create(deployment("plain", 5, "0"))
    assert len(spreading.nodes(packed, 5)) == 1
    spreading.close()
    spread = spreading.create(deployment("plain", 5, "0.6"))
    assert len(spreading.nodes(spread, 5)) == 3


def test_zones_are_spread_over_first(spreading: Spreading) -> None:
    name = spreading.create(deployment("zones", 6, "1"))
    assert Counter(zone(node) for node in spreading.nodes(name, 6).elements()) == {0: 2, 1: 2, 2: 2}


def test_scaling_and_a_rollout_keep_the_share(spreading: Spreading) -> None:
    name = spreading.create(deployment("plain", 2, "1"))
    assert max(spreading.nodes(name, 2).values()) == 1
    spreading.patch(name, {"replicas": 6})
    assert sorted(spreading.nodes(name, 6).values()) == [1] * 6
    (before,) = spreading.replica_sets(name)
    spreading.patch(name, {"template": {"metadata": {"labels": {"edition": "2"}}}})
    rolled = lambda: before not in spreading.replica_sets(name)  # noqa: E731
    wait_for(rolled, "the rollout", seconds=PATIENCE, pause=0.2)
    assert sorted(spreading.nodes(name, 6).values()) == [1] * 6


def test_the_same_name_in_two_namespaces_is_two_workloads(spreading: Spreading) -> None:
    """Equal templates give ReplicaSets of equal names."""
    spreading.site.bed.admin.create("/api/v1/namespaces", {"metadata": {"name": "other"}})
    body = deployment("plain", 3, "1")
    for namespace in ("default", "other"):
        name = spreading.create(body, namespace)
        assert sorted(spreading.nodes(name, 3, namespace).values()) == [1, 1, 1]


@pytest.mark.parametrize("fault", ["cordoned", "full", "tainted"])
def test_a_zone_that_cannot_be_used_keeps_no_pod_pending(spreading: Spreading, fault: str) -> None:
    admin = spreading.site.bed.admin
    closed = [name for name in GROUPS["zones"].names if zone(name) == 2]
    taint = {"key": "closed", "effect": "NoSchedule"}
    change = {"cordoned": {"unschedulable": True}, "tainted": {"taints": [taint]}}.get(fault, {})
    if fault == "full":
        for name in closed:
            body = GROUPS["zones"].pod(f"full-{name}", 31.5, "none")
            body["spec"]["nodeName"] = name
            body["metadata"] = {"name": f"full-{name}", "labels": {"run": "full"}}
            admin.create("/api/v1/namespaces/default/pods", body)
    try:
        for name in closed:
            admin.patch(f"/api/v1/nodes/{name}", {"spec": change})
        name = spreading.create(deployment("zones", 6, "1"))
        assert Counter(zone(node) for node in spreading.nodes(name, 6).elements()) == {0: 3, 1: 3}
    finally:
        for name in closed:
            admin.patch(f"/api/v1/nodes/{name}", {"spec": {"unschedulable": None, "taints": None}})
        spreading.site.clear("full")


def test_nodes_that_are_all_labelled_control_plane_are_used(spreading: Spreading) -> None:
    name = spreading.create(deployment("edge", 4, "1"))
    assert sorted(spreading.nodes(name, 4).values()) == [1] * 4


def test_a_zone_of_control_plane_nodes_only_keeps_no_pod_pending(spreading: Spreading) -> None:
    """Tainted as kubeadm does; the reference counts that zone as the emptiest, and then refuses it."""
    admin = spreading.site.bed.admin
    taint = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
    closed = [name for name in GROUPS["zones"].names if zone(name) == 0]
    try:
        for name in closed:
            labels = {"labels": {"node-role.kubernetes.io/control-plane": ""}}
            admin.patch(f"/api/v1/nodes/{name}", {"metadata": labels, "spec": {"taints": [taint]}})
        name = spreading.create(deployment("zones", 6, "1"))
        assert Counter(zone(node) for node in spreading.nodes(name, 6).elements()) == {1: 3, 2: 3}
    finally:
        for name in closed:
            labels_off = {"labels": {"node-role.kubernetes.io/control-plane": None}}
            admin.patch(f"/api/v1/nodes/{name}", {"metadata": labels_off, "spec": {"taints": None}})


def test_a_bad_rate_is_a_warning_and_keeps_no_pod_pending(spreading: Spreading) -> None:
    name = spreading.create(deployment("plain", 2, "often"))
    spreading.nodes(name, 2)
    path = "/api/v1/namespaces/default/events?fieldSelector=reason%3DPodSpread"

    def warned() -> list[Any]:
        items = spreading.site.bed.admin.get(path)["items"]
        return [item for item in items if item["involvedObject"]["name"].startswith(name)]

    wait_for(warned, "the Warning", seconds=PATIENCE)
    (event,) = warned()
    about = event["involvedObject"]
    assert (event["type"], about["kind"], about["name"]) == ("Warning", "Deployment", name)
    assert "write a number from 0 to 1" in event["message"]
