"""A Deployment with the annotation of PodSpread, its ReplicaSet, and nodes."""

from __future__ import annotations

from wao_core.cluster.records import Kind, Node, OwnerRef, Workload
from wao_core.cluster.state import ClusterState
from wao_scheduler.spread_rule import ANNOTATION

NODES = ("a", "b", "c", "d", "e", "f")


def deployment(replicas: int = 4, rate: str = "1") -> Workload:
    return Workload(
        kind="Deployment", namespace="default", name="web", uid="d", replicas=replicas, annotations={ANNOTATION: rate}
    )


def replica_set(name: str = "web-1", uid: str = "rs") -> Workload:
    owner = OwnerRef("Deployment", "web", "d")
    return Workload(kind="ReplicaSet", namespace="default", name=name, uid=uid, replicas=1, owner=owner)


def spread_state(replicas: int = 4, rate: str = "1") -> ClusterState:
    state = ClusterState()
    for workload in (deployment(replicas, rate), replica_set()):
        state.put(Kind.WORKLOAD, workload)
    for name in NODES:
        state.put(Kind.NODE, Node(name=name))
    return state
