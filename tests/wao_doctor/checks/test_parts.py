"""Check `parts`."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.fakes.healthy_cluster import condition, found_by, healthy, kinds_of, lease, outcome_of, workload
from wao_doctor import wire
from wao_doctor.facts import Listed, Missing
from wao_doctor.manifests import parts

DEFAULT = [name for name in parts() if name not in ("wao-rebalance", "wao-standby", "wao-ui")]


def workloads(*changed: wire.Workload, without: str = "") -> Listed[wire.Workload]:
    listed = {name: workload(name) for name in DEFAULT if name != without}
    listed |= {item.name: item for item in changed}
    return Listed(tuple(listed.values()))


def ready(name: str, number: int) -> wire.Workload:
    status = wire.WorkloadStatus(ready_replicas=number, desired_number_scheduled=2, number_ready=number)
    return msgspec.structs.replace(workload(name), status=status)


def pod(name: str, **status: Any) -> wire.Pod:
    raw = {"metadata": {"name": "p", "labels": {"app.kubernetes.io/name": name}}, "status": status}
    return msgspec.convert(raw, wire.Pod)


def test_all_parts_of_the_default_installation_are_expected() -> None:
    outcome = outcome_of("parts", healthy())
    assert (outcome.summary, list(outcome.findings)) == ("6 parts run, image wao:0.1.0", [])
    (found,) = found_by("parts", workloads=workloads(without="wao-lb"))
    assert (found.kind, found.remedy.rpartition(" ")[2]) == ("part-not-installed", "manifests/lb")


@pytest.mark.parametrize("name", ["wao-lb", "wao-lb-agent"])
@pytest.mark.parametrize(("number", "kind"), [(0, "part-down"), (1, "part-degraded")])
def test_pods_that_are_not_ready_are_counted(name: str, number: int, kind: str) -> None:
    (found,) = found_by("parts", workloads=workloads(ready(name, number)))
    assert (found.kind, found.evidence) == (kind, f"{number} of 2 Pods ready")


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        (
            {"containerStatuses": [{"name": "c", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]},
            "ImagePullBackOff",
        ),
        ({"conditions": [condition("PodScheduled", "False", "Unschedulable", "0/3 nodes fit")]}, "0/3 nodes fit"),
        ({"conditions": [condition("Ready", "False", "ContainersNotReady")]}, "ContainersNotReady"),
        ({"containerStatuses": [{"name": "c", "state": {"waiting": {"reason": "ContainerCreating"}}}]}, ""),
    ],
)
def test_the_reason_of_a_pod_that_is_not_ready_is_shown(status: Any, trouble: str) -> None:
    (found,) = found_by("parts", workloads=workloads(ready("wao-lb", 0)), pods=Listed((pod("wao-lb", **status),)))
    assert found.evidence == "0 of 2 Pods ready" + (f": {trouble} (1)" if trouble else "")


@pytest.mark.parametrize(
    ("held", "evidence"),
    [
        (None, "it does not exist"),
        (lease("wao-controller", age=300), "holder: a, renewed 5m ago"),
        (lease("wao-controller", holder=""), "holder: none, renewed 3s ago"),
    ],
)
def test_a_part_without_a_leader_is_an_error(held: wire.Lease | None, evidence: str) -> None:
    (found,) = found_by("parts", leases={"wao-system/wao-controller": held})
    assert (found.kind, found.evidence) == ("part-without-leader", evidence)


def test_leases_of_parts_that_are_not_installed_are_not_expected() -> None:
    assert kinds_of("parts", leases={"wao-system/wao-standby": None}) == []


def test_pods_and_leases_that_cannot_be_read_do_not_prevent_the_check() -> None:
    assert kinds_of("parts", pods=Missing("403"), leases=Missing("403")) == []


def test_parts_of_several_images_are_a_warning() -> None:
    newer = workload("wao-lb")
    template = msgspec.to_builtins(newer.spec.template)
    template["spec"]["containers"][0]["image"] = "wao:0.2.0"
    (found,) = found_by("parts", workloads=workloads(workload("wao-lb", template=template)))
    assert (found.kind, found.evidence) == ("images-differ", "wao:0.1.0 (4), wao:0.2.0 (1)")
