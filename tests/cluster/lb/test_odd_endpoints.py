"""What a cluster has only for moments, or by mistake: two Pods with one address, and Nodes that are not there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.bed.controlplane import ControlPlane, node
from tests.cluster.bed.program import wait_for
from tests.cluster.lb.site import NODES, PODS, SERVICES, SLICES, Site, named_pod, service

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
SPARE = "lb-spare"
TAINT = {"key": "ToBeDeletedByClusterAutoscaler", "effect": "NoSchedule"}


@pytest.fixture
def reused(bed: ControlPlane) -> Iterator[str]:
    """A Service with two Pods of one address: the old one is terminating and not ready, the new one is ready."""
    for name, row in (("reuse-old", 0), ("reuse-new", 1)):
        body = named_pod(name, "reuse", NODES.names[row])
        if name == "reuse-old":
            body["metadata"]["finalizers"] = ["bed.wao/hold"]
        bed.admin.create(PODS, body)

    def address(name: str) -> str:
        return str(bed.admin.get(f"{PODS}/{name}").get("status", {}).get("podIP", ""))

    def ready(name: str) -> bool:
        conditions = bed.admin.get(f"{PODS}/{name}").get("status", {}).get("conditions", [])
        return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)

    wait_for(lambda: ready("reuse-old") and ready("reuse-new"), "both pods ready", pause=0.2)
    shared = address("reuse-old")
    bed.admin.delete(f"{PODS}/reuse-old")
    conditions = bed.admin.get(f"{PODS}/reuse-old")["status"]["conditions"]
    gone = [item | {"status": "False"} if item["type"].endswith("Ready") else item for item in conditions]
    bed.admin.patch(f"{PODS}/reuse-old/status", {"status": {"conditions": gone}})
    bed.admin.patch(f"{PODS}/reuse-new/status", {"status": {"podIP": shared, "podIPs": [{"ip": shared}]}})
    bed.admin.create(SERVICES, service("reuse", selector={"app": "reuse"}))
    yield shared
    bed.admin.patch(f"{PODS}/reuse-old", {"metadata": {"finalizers": None}})
    for path in (f"{PODS}/reuse-new", f"{SERVICES}/reuse"):
        bed.admin.delete(path)


def test_a_pod_with_the_address_of_a_terminating_one_receives_the_traffic(
    bed: ControlPlane, site: Site, reused: str
) -> None:
    path = f"{SLICES}?labelSelector=kubernetes.io%2Fservice-name%3Dreuse"

    def endpoints() -> list[tuple[str, str, bool]]:
        items = [item for part in bed.admin.get(path)["items"] for item in part["endpoints"] or ()]
        return sorted(
            (item["targetRef"]["name"], item["addresses"][0], bool(item["conditions"]["ready"])) for item in items
        )

    both = [("reuse-new", reused, True), ("reuse-old", reused, False)]
    wait_for(lambda: endpoints() == both, f"two endpoints with one address: {endpoints()}", pause=0.2)
    wait_for(lambda: site.shares("reuse") == {reused: 100.0}, f"its weight: {site.shares('reuse')}", pause=0.2)
    (port,) = site.document("reuse")["ports"]
    assert [NODES.names[1]] == [item["nodeName"] for item in port["endpoints"]]
    cluster_ip = bed.admin.get(f"{SERVICES}/reuse")["spec"]["clusterIP"]

    def served() -> bool:
        table = site.node.table()
        return f"dnat to {reused}:8080" in table and f"{cluster_ip} . tcp . 80 : goto service-" in table

    wait_for(served, "the address in the kernel", pause=0.2)


@pytest.fixture
def spare(site: Site) -> Iterator[Site]:
    """The site, whose agent runs as the node SPARE; the Node object is not there yet."""
    site.agent.stop()
    site.agent = site.start_agent(SPARE)
    yield site
    site.agent.stop()
    site.agent = site.start_agent()


def healthz(site: Site) -> tuple[int, dict[str, Any]]:
    """Return the status and the body of the agent's /healthz."""
    code = (
        "import ssl, sys, urllib.error, urllib.request as u\n"
        "context = ssl._create_unverified_context()\n"
        f"try: answer = u.urlopen('https://127.0.0.1:{site.agent.port}/healthz', timeout=5, context=context)\n"
        "except urllib.error.HTTPError as error: answer = error\n"
        "sys.stdout.write(f'{answer.status} {answer.read().decode()}')\n"
    )
    command = [*site.node.within, sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    status, _, body = done.stdout.partition(" ")
    return int(status), json.loads(body)


def node_port_addresses(site: Site) -> bool:
    """Whether node ports are served on the address of the Node."""
    table = site.node.table()
    return "127.0.0.1" in table.partition("set nodeport-ips")[2].partition("}\n")[0]


def test_a_deleted_node_stays_in_force_and_health_does_not_improve(bed: ControlPlane, spare: Site) -> None:
    status, body = healthz(spare)
    assert (503, False) == (status, body["nodeEligible"])
    assert "check --node-name" in body["reason"]
    assert "there is no Node of this name" in spare.agent.text()

    bed.admin.create("/api/v1/nodes", node(SPARE, cores=4))
    wait_for(lambda: healthz(spare)[0] == 200, "the Node makes the agent healthy", pause=0.2)
    wait_for(lambda: node_port_addresses(spare), "the address of the Node in the kernel", pause=0.2)

    bed.admin.patch(f"/api/v1/nodes/{SPARE}", {"spec": {"taints": [TAINT]}})
    wait_for(lambda: healthz(spare)[0] == 503, "the taint makes the node ineligible", pause=0.2)
    bed.admin.delete(f"/api/v1/nodes/{SPARE}")
    wait_for(lambda: f"Node {SPARE} was deleted" in spare.agent.text(), "the deletion in the log", pause=0.2)
    bed.admin.create(SERVICES, service("after", selector={"app": "web"}))  # rules are written after the deletion
    wait_for(lambda: spare.node.maps("after") == 1, "a Service that is created later", pause=0.2)
    assert 503 == healthz(spare)[0]
    assert node_port_addresses(spare)
    bed.admin.delete(f"{SERVICES}/after")

    bed.admin.create("/api/v1/nodes", node(SPARE, cores=4))
    wait_for(lambda: healthz(spare)[0] == 200, "a Node that is registered again is healthy", pause=0.2)
    bed.admin.delete(f"/api/v1/nodes/{SPARE}")
