"""Pods of which a container has finished: they stay Running, and their CPU counts once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cluster.bed.program import wait_for
from tests.cluster.scheduler.conftest import GROUPS
from tests.cluster.scheduler.site import PODS, Site

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
CORES = 4.0


def containers(site: Site, name: str) -> list[dict[str, Any]]:
    """Return the statuses of a Pod's containers."""
    found: list[dict[str, Any]] = site.bed.admin.get(f"{PODS}/{name}")["status"].get("containerStatuses", [])
    return found


def running(site: Site, name: str) -> int:
    """Return how many of its containers run."""
    return len([item for item in containers(site, name) if "running" in item["state"]])


def finish(site: Site, name: str, container: str) -> None:
    """Report that one container of a running Pod has finished, as its kubelet does."""
    statuses = [
        item | {"state": {"terminated": {"exitCode": 0, **item["state"]["running"]}}}
        if item["name"] == container
        else item
        for item in containers(site, name)
    ]
    site.bed.admin.patch(f"{PODS}/{name}/status", {"status": {"containerStatuses": statuses}})


def test_a_pod_with_a_finished_container_counts_once(site: Site) -> None:
    group = GROUPS["plain"]
    target = group.names[-1]
    body = group.pod("done-0", CORES, "wao-scheduler")
    body["spec"]["nodeName"] = target
    (container,) = body["spec"]["containers"]
    body["spec"]["containers"].append({"name": "helper", "image": container["image"]})
    site.bed.admin.create(PODS, body)
    wait_for(lambda: running(site, "done-0") == 2, "both containers run", pause=0.2)
    finish(site, "done-0", "helper")

    def counted() -> tuple[float, float]:
        # always the same probe: another one would count on this node for 5 s, which its load makes the cheapest
        answer = site.score("probe-done", list(group.names))
        (row,) = (item for item in answer["nodes"] if item["node"] == target)
        return row["usageCores"], row["assumedCores"]

    def once() -> bool:
        usage, assumed = counted()
        return assumed == 0.0 and usage > CORES - 0.5  # kwok reports the CPU of the Pod for each container

    wait_for(once, "the sample of the node has the pod, and nothing is assumed", pause=0.5)
    assert site.bed.admin.get(f"{PODS}/done-0")["status"]["phase"] == "Running"
