"""A fleet that ended Pods have fragmented is packed again, within budgets, and a crash leaves nothing behind."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from tests.cluster.bed.client import Client
from tests.cluster.bed.controlplane import ControlPlane
from tests.cluster.bed.deployment import Container
from tests.cluster.bed.program import BedError, wait_for
from tests.cluster.scheduler.figures import report
from tests.cluster.scheduler.fleets import Group
from tests.cluster.scheduler.site import LOOPBACK, PODS, Site
from tests.fakes.workload_manifests import MANIFESTS
from wao_core.cluster.names import DRAINING

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

REPLICA_SETS = "/apis/apps/v1/namespaces/default/replicasets"
BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
CPU, APPS, REPLICAS = 2.0, 48, 2
PLANS, EVICTED = "wao_rebalance_plans_total", 'wao_rebalance_evictions_total{result="evicted"}'
QUICK = ("--period=3", "--minimum-age=0", "--moves=60", "--metrics-period=2", LOOPBACK)
"""Flags with which a test need not wait; what decides about Pods is as shipped."""


@dataclass(frozen=True)
class StaticGroup(Group):
    """Nodes whose base load are static Pods, which neither move nor keep a node from being empty."""

    def base_pods(self) -> list[dict[str, Any]]:
        """Return the Pods that make the base load."""
        bodies = super().base_pods()
        for body in bodies:
            body["metadata"]["annotations"]["kubernetes.io/config.mirror"] = "static"
        return bodies


GROUP = StaticGroup("scattered", {"edge_lenovo": 5, "edge_supermicro": 5})


def app(name: str) -> dict[str, Any]:
    """Return a ReplicaSet of Pods that use what they request."""
    template = GROUP.pod(f"{name}-0", CPU, "wao-scheduler")
    labels = {"run": "scattered", "app": name}
    metadata = {"labels": labels, "annotations": template["metadata"]["annotations"]}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": REPLICAS,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": metadata, "spec": template["spec"]},
        },
    }


def budget(name: str) -> dict[str, Any]:
    """Return the PodDisruptionBudget of an app: one of its Pods must be ready."""
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": name}}}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name}, "spec": spec}


@dataclass
class Watched:
    """What was seen while Pods were moved."""

    least_ready: dict[str, int] = field(default_factory=dict)
    marks: set[str] = field(default_factory=set)


def ready_by_app(client: Client) -> Counter[str]:
    """Return the number of ready Pods of each app."""
    items = client.get(f"{PODS}?labelSelector=run%3Dscattered")["items"]
    return Counter(
        item["metadata"]["labels"]["app"]
        for item in items
        if not item["metadata"].get("deletionTimestamp")
        and any(each["type"] == "Ready" and each["status"] == "True" for each in item["status"].get("conditions", []))
    )


def marks(client: Client) -> set[str]:
    """Return the nodes with our taint."""
    items = client.get("/api/v1/nodes")["items"]
    return {
        item["metadata"]["name"]
        for item in items
        if any(taint["key"] == DRAINING for taint in item["spec"].get("taints", []))
    }


@contextmanager
def watching(bed: ControlPlane, apps: list[str]) -> Iterator[Watched]:
    """Look at Pods and nodes again and again, in a thread."""
    seen, ended = Watched(dict.fromkeys(apps, REPLICAS)), threading.Event()

    def look() -> None:
        client = bed.client_for("watching", groups=("system:masters",))
        while not ended.wait(0.1):
            ready = ready_by_app(client)
            for name in apps:
                seen.least_ready[name] = min(seen.least_ready[name], ready[name])
            seen.marks |= marks(client)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def start(site: Site, *flags: str) -> Container:
    """Start the rebalancer as it is deployed."""
    return site.deployment.start("wao-rebalance", *QUICK, *flags, without=("--mode", "--period"))


def figures(rebalancer: Container) -> Mapping[str, float]:
    """Return its metrics."""
    text = httpx2.get(f"{rebalancer.url}/metrics", verify=False, timeout=10.0).text
    lines = [line.rpartition(" ") for line in text.splitlines() if line.startswith("wao_rebalance")]
    return {name: float(value) for name, _, value in lines}


def plan(rebalancer: Container) -> Any:
    """Return the last plan, None before the first."""
    answer = httpx2.get(f"{rebalancer.url}/v1/plan", verify=False, timeout=10.0)
    return answer.json() if answer.status_code == 200 else None


@pytest.fixture(scope="module")
def fragmented(site: Site) -> Iterator[list[str]]:
    """The apps that still run after every second one has ended; each has a budget."""
    site.deployment.apply(MANIFESTS / "rebalance")
    site.add(GROUP)
    names = [f"app-{number}" for number in range(APPS)]
    site.bed.admin.create_all(REPLICA_SETS, [app(name) for name in names])
    wait_for(lambda: len(site.placed("scattered")) == APPS * REPLICAS, "all Pods bound", pause=0.5)
    kept = names[::2]
    site.bed.admin.create_all(BUDGETS, [budget(name) for name in kept])
    for name in names[1::2]:
        site.bed.admin.request("DELETE", f"{REPLICA_SETS}/{name}", {"propagationPolicy": "Background"})
    wait_for(lambda: len(site.placed("scattered")) == len(kept) * REPLICAS, "half of the Pods have ended", pause=0.5)
    wait_for(
        lambda: sum(ready_by_app(site.bed.admin).values()) == len(kept) * REPLICAS, "the others are ready", pause=0.5
    )
    yield kept
    for name in kept:
        site.bed.admin.request("DELETE", f"{REPLICA_SETS}/{name}", {"propagationPolicy": "Background"})
        site.bed.admin.request("DELETE", f"{BUDGETS}/{name}", {})


def test_a_fragmented_fleet_is_packed_within_budgets_even_if_the_rebalancer_is_killed(
    site: Site, fragmented: list[str]
) -> None:
    count = len(fragmented) * REPLICAS
    before, optimum = GROUP.watts(site.placed("scattered"), CPU), GROUP.optimum(CPU, count)
    placed = site.placed("scattered")

    advice = start(site, "--mode=recommend")
    wait_for(lambda: (plan(advice) or {}).get("drains"), "a recommendation", pause=0.5)
    assert site.placed("scattered") == placed, "it only recommends"
    advice.stop()

    began = time.monotonic()
    with watching(site.bed, fragmented) as seen:
        first = start(site, "--mode=auto")
        wait_for(
            lambda: marks(site.bed.admin) and site.placed("scattered") != placed, "the first Pod leaves", pause=0.02
        )
        first.stop(kill=True)
        assert marks(site.bed.admin), "killed in the middle"
        second = start(site, "--mode=auto")

        def packed() -> bool:
            now = site.placed("scattered")
            return len(now) == count and GROUP.watts(now, CPU) <= 1.015 * optimum and not marks(site.bed.admin)

        try:
            wait_for(packed, "the fleet is packed and no mark is left", seconds=120.0, pause=0.5)
        except BedError as error:
            now = site.placed("scattered")
            pytest.fail(f"{error}: {Counter(now.values())}, {GROUP.watts(now, CPU)} W of {optimum} W, {plan(second)}")
        seconds = time.monotonic() - began
        wait_for(lambda: plan(second)["drains"] == [], "nothing more to move", pause=0.5)
    watts = GROUP.watts(site.placed("scattered"), CPU)
    nodes = len(set(placed.values())), len(set(site.placed("scattered").values()))
    report(
        f"rebalancing: {count} Pods on {nodes[0]} nodes with {before:,.0f} W are on {nodes[1]} nodes with "
        f"{watts:,.0f} W after {seconds:.0f} s; optimum {optimum:,.0f} W"
    )
    assert min(seen.least_ready.values()) >= 1, "a PodDisruptionBudget was violated"
    assert seen.marks

    done = figures(second)
    enough = done[PLANS] + 3
    wait_for(lambda: figures(second)[PLANS] >= enough, "three more plans", pause=0.5)
    assert figures(second)[EVICTED] == done[EVICTED], "an eviction loop"
    assert "forbidden" not in second.text().lower(), second.text()
    second.stop()
    assert marks(site.bed.admin) == set()
