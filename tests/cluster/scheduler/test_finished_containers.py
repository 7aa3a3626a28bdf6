"""Pods of which a container has finished: they stay Running, and their CPU counts once."""

from __future__ import annotations

import itertools

import pytest

from tests.cluster.bed.program import wait_for
from tests.cluster.scheduler.conftest import GROUPS
from tests.cluster.scheduler.site import PODS, Site

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
CORES = 4.0


def test_a_pod_with_a_finished_container_counts_once(site: Site) -> None:
    group = GROUPS["plain"]
    target = group.names[-1]
    body = group.pod("done-0", CORES, "wao-scheduler")
    body["spec"]["nodeName"] = target
    (container,) = body["spec"]["containers"]
    body["spec"]["containers"].append({"name": "helper", "image": container["image"]})
    site.bed.admin.create(PODS, body)

    def statuses() -> list[dict[str, object]]:
        found: list[dict[str, object]] = site.bed.admin.get(f"{PODS}/done-0")["status"].get("containerStatuses", [])
        return found

    wait_for(lambda: len([item for item in statuses() if "running" in item["state"]]) == 2, "both run", pause=0.2)  # type: ignore[operator]
    done = [
        item | {"state": {"terminated": {"exitCode": 0, **item["state"]["running"]}}}  # type: ignore[index]
        if item["name"] == "helper"
        else item
        for item in statuses()
    ]
    site.bed.admin.patch(f"{PODS}/done-0/status", {"status": {"containerStatuses": done}})
    probes = itertools.count()

    def counted() -> tuple[float, float]:
        told = site.score(f"probe-done-{next(probes)}", list(group.names))
        (row,) = (item for item in told["nodes"] if item["node"] == target)
        return row["usage_cores"], row["assumed_cores"]

    def once() -> bool:
        usage, assumed = counted()
        return assumed == 0.0 and usage > CORES - 0.5  # kwok reports the CPU of the Pod for each container

    # before, it counted twice until ten minutes after its binding
    wait_for(once, "the sample of the node has the pod, and nothing is assumed", seconds=180.0, pause=1.0)
    assert site.bed.admin.get(f"{PODS}/done-0")["status"]["phase"] == "Running"
    site.clear("done")
