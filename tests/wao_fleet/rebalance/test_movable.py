"""Which Pods the rebalancer moves: those that may be evicted, whose place is predictable, and now."""

from __future__ import annotations

from typing import Any

import pytest

from wao_core.cluster.records import OwnerRef
from wao_fleet.drain.constraints import Constraints, DisruptionBudget, Volume
from wao_fleet.drain.pods import FleetPod
from wao_fleet.rebalance.memory import Memory
from wao_fleet.rebalance.movable import MoveRules
from wao_fleet.rebalance.settings import RebalanceSettings
from wao_predict.rebalance import Budgets

NOW = 10_000.0
BUDGET = DisruptionBudget("pdb", "strict", {}, 0)
CONSTRAINTS = Constraints({"strict": [BUDGET]}, {"n/data": Volume("n/data", False), "n/disk": Volume("n/disk", True)})


def rules(memory: Memory | None = None, **settings: Any) -> MoveRules:
    given = RebalanceSettings(budgets=Budgets(minimum_age=600.0), excluded=frozenset({"mine"}), **settings)
    return MoveRules(given, CONSTRAINTS, memory or Memory(), {"uid-w": 1}, NOW)


def pod(**fields: Any) -> FleetPod:
    owner = OwnerRef("ReplicaSet", "w", "uid-w")
    given: dict[str, Any] = {"name": "p", "namespace": "n", "owner": owner, "ready": True, "scheduled_at": 0.0}
    return FleetPod(**given | fields)


@pytest.mark.parametrize("free", [pod(), pod(claims=("data",)), pod(scheduled_at=None, created=NOW - 601)])
def test_an_ordinary_pod_may_be_moved(free: FleetPod) -> None:
    assert rules().why_stays(free) == ""


@pytest.mark.parametrize(
    ("stays", "why"),
    [
        (pod(namespace="mine"), "its namespace mine is excluded"),
        (pod(owner=None), "no owner"),
        (pod(claims=("disk",)), "the volume of its claim disk is on one node"),
        (pod(claims=("new",)), "the volume of its claim new is not known"),
        (pod(tied_to_pods=True), "affinity or spread"),
        (pod(extended=("nvidia.com/gpu",)), "it needs nvidia.com/gpu"),
        (pod(terminating=True), "being deleted"),
        (pod(ready=False), "not ready"),
        (pod(namespace="strict"), "its PodDisruptionBudget pdb allows no eviction now"),
        (pod(scheduled_at=NOW - 599), "less than 600 s"),
        (pod(scheduled_at=None), "less than 600 s"),
    ],
)
def test_other_pods_stay_for_a_reason(stays: FleetPod, why: str) -> None:
    assert why in rules().why_stays(stays)


def test_a_workload_that_was_moved_recently_rests() -> None:
    memory = Memory()
    memory.moved("uid-w", NOW - 60)
    assert rules(memory).why_stays(pod()) == ""
    memory.moved("uid-w", NOW - 60)
    assert rules(memory).why_stays(pod()) == "its workload was moved recently"


def test_jobs_stay_unless_they_are_permitted() -> None:
    job = pod(owner=OwnerRef("Job", "w", "uid-w"))
    assert "Job" in rules().why_stays(job)
    assert rules(jobs=True).why_stays(job) == ""
