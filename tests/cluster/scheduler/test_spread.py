"""PodSpread on real Deployments: never pending, spread as asked, whatever the nodes are like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.bed.program import wait_for
from tests.cluster.scheduler.conftest import GROUPS
from tests.cluster.scheduler.fleets import LABEL
from tests.cluster.scheduler.site import Site

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]
ANNOTATION = "waok8s.github.io/podspread-rate"
APPS = "/apis/apps/v1/namespaces"


def deployment(group: str, replicas: int, rate: str, **more: Any) -> dict[str, Any]:
    """Return a Deployment whose annotation stands on itself only."""
    name = f"spread-{group}"
    container = {"name": "c", "image": "registry.example/none:1", "resources": {"requests": {"cpu": "500m"}}}
    pod = {
        "schedulerName": "wao-scheduler",
        "nodeSelector": {LABEL: group},
        "containers": [container],
        "terminationGracePeriodSeconds": 0,
        **more,
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

    def create(self, body: dict[str, Any], namespace: str = "default") -> None:
        path = f"{APPS}/{namespace}/deployments"
        self.site.bed.admin.create(path, body)
        self._made.append(f"{path}/{body['metadata']['name']}")

    def nodes(self, group: str, count: int, namespace: str = "default") -> Counter[str]:
        """Wait until that many pods are bound, and count them by node."""
        path = f"/api/v1/namespaces/{namespace}/pods"

        def bound() -> bool:
            return len(self.site.placed(f"spread-{group}", path)) == count

        wait_for(bound, f"{count} pods of {group} bound", seconds=30, pause=0.2)
        return Counter(self.site.placed(f"spread-{group}", path).values())

    def patch(self, group: str, spec: dict[str, Any]) -> None:
        self.site.bed.admin.patch(f"{APPS}/default/deployments/spread-{group}", {"spec": spec})

    def close(self) -> None:
        for path in self._made:
            self.site.bed.admin.delete(path)
        for path in {path.split("/")[4] for path in self._made}:
            selector = "labelSelector=run"
            pods = f"/api/v1/namespaces/{path}/pods?{selector}"
            wait_for(lambda pods=pods: not self._left(pods), "pods gone", seconds=60, pause=0.2)  # type: ignore[misc]

    def _left(self, path: str) -> list[Any]:
        items = self.site.bed.admin.get(path)["items"]
        return [item for item in items if item["metadata"]["name"].startswith("spread-")]


@pytest.fixture
def spreading(site: Site) -> Iterator[Spreading]:
    made = Spreading(site)
    yield made
    made.close()


def zone(node: str) -> int:
    return int(node.rpartition("-")[2]) // 3


def test_the_annotation_on_the_deployment_alone_is_enough(spreading: Spreading) -> None:
    """Without it all five go to one node."""
    spreading.create(deployment("plain", 5, "0"))
    assert len(spreading.nodes("plain", 5)) == 1
    spreading.close()
    spreading.create(deployment("plain", 5, "0.6"))
    assert len(spreading.nodes("plain", 5)) == 3


def test_zones_are_spread_over_first(spreading: Spreading) -> None:
    spreading.create(deployment("zones", 6, "1"))
    assert Counter(zone(node) for node in spreading.nodes("zones", 6).elements()) == {0: 2, 1: 2, 2: 2}


def test_scaling_and_a_rollout_keep_the_share(spreading: Spreading) -> None:
    spreading.create(deployment("plain", 2, "1"))
    assert max(spreading.nodes("plain", 2).values()) == 1
    spreading.patch("plain", {"replicas": 6})
    assert sorted(spreading.nodes("plain", 6).values()) == [1] * 6
    owners = replica_sets(spreading.site)
    spreading.patch("plain", {"template": {"metadata": {"labels": {"edition": "2"}}}})

    def rolled() -> bool:
        status = spreading.site.bed.admin.get(f"{APPS}/default/deployments/spread-plain")["status"]
        return bool(status.get("updatedReplicas") == status.get("replicas") == 6)

    wait_for(rolled, "the rollout", seconds=60, pause=0.2)
    assert replica_sets(spreading.site) != owners
    assert sorted(spreading.nodes("plain", 6).values()) == [1] * 6


def replica_sets(site: Site) -> set[str]:
    items = site.bed.admin.get("/api/v1/namespaces/default/pods?labelSelector=run%3Dspread-plain")["items"]
    return {item["metadata"]["ownerReferences"][0]["name"] for item in items}


def test_the_same_name_in_two_namespaces_is_two_workloads(spreading: Spreading) -> None:
    """Equal templates give ReplicaSets of equal names."""
    spreading.site.bed.admin.create("/api/v1/namespaces", {"metadata": {"name": "other"}})
    spreading.create(deployment("plain", 3, "1"))
    assert sorted(spreading.nodes("plain", 3).values()) == [1, 1, 1]
    spreading.create(deployment("plain", 3, "1"), "other")
    assert sorted(spreading.nodes("plain", 3, "other").values()) == [1, 1, 1]


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
        spreading.create(deployment("zones", 6, "1"))
        assert Counter(zone(node) for node in spreading.nodes("zones", 6).elements()) == {0: 3, 1: 3}
    finally:
        for name in closed:
            admin.patch(f"/api/v1/nodes/{name}", {"spec": {"unschedulable": None, "taints": None}})
        spreading.site.clear("full")


def test_nodes_that_are_all_labelled_control_plane_are_used(spreading: Spreading) -> None:
    spreading.create(deployment("edge", 4, "1"))
    assert sorted(spreading.nodes("edge", 4).values()) == [1] * 4


def test_a_zone_of_control_plane_nodes_only_keeps_no_pod_pending(spreading: Spreading) -> None:
    """Tainted as kubeadm does; the reference counts that zone as the emptiest, and then refuses it."""
    admin = spreading.site.bed.admin
    taint = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
    closed = [name for name in GROUPS["zones"].names if zone(name) == 0]
    try:
        for name in closed:
            labels = {"labels": {"node-role.kubernetes.io/control-plane": ""}}
            admin.patch(f"/api/v1/nodes/{name}", {"metadata": labels, "spec": {"taints": [taint]}})
        spreading.create(deployment("zones", 6, "1"))
        assert Counter(zone(node) for node in spreading.nodes("zones", 6).elements()) == {1: 3, 2: 3}
    finally:
        for name in closed:
            labels_off = {"labels": {"node-role.kubernetes.io/control-plane": None}}
            admin.patch(f"/api/v1/nodes/{name}", {"metadata": labels_off, "spec": {"taints": None}})


def test_a_bad_rate_is_a_warning_and_keeps_no_pod_pending(spreading: Spreading) -> None:
    spreading.create(deployment("plain", 2, "often"))
    spreading.nodes("plain", 2)
    path = "/api/v1/namespaces/default/events?fieldSelector=reason%3DPodSpread"

    def told() -> list[Any]:
        return [item for item in spreading.site.bed.admin.get(path)["items"] if item["type"] == "Warning"]

    wait_for(told, "the Warning", seconds=20)
    (event, *_) = told()
    assert event["involvedObject"]["kind"] == "Deployment"
    assert "write a number from 0 to 1" in event["message"]
