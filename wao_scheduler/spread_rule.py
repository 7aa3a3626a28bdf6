"""The rule of PodSpread: place the first share of a workload's pods in different domains. Pure.

Source: wao-scheduler/pkg/plugins/podspread of the Go reference. The wanted redundancy is `rate` times the replicas;
while fewer pods than that are placed, only the domains with the fewest of them are allowed. The rule is applied only to
the nodes that the scheduler sent, which already passed taints, resources and cordons, so every pod keeps at least one
node.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from wao_core.cluster.names import ZONE
from wao_core.cluster.records import Node, OwnerRef, Pod, Workload
from wao_core.cluster.state import ClusterState

ANNOTATION = "waok8s.github.io/podspread-rate"
REGION = "topology.kubernetes.io/region"
_OWNERS = ("ReplicaSet", "StatefulSet")
_HASH = "pod-template-hash"


@dataclass(frozen=True, slots=True)
class SpreadRate:
    """The rate in force, and the object with the annotation, such as "Deployment default/web"."""

    rate: float
    source: str


@dataclass(frozen=True, slots=True)
class BadRate:
    """An invalid annotation: the object that has it, and why it is invalid."""

    source: str
    about: Pod | Workload
    reason: str


@dataclass(frozen=True, slots=True)
class AllowedNodes:
    """The candidates that are allowed, and the reason against each other one."""

    keep: tuple[str, ...]
    failed: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Controllers:
    """The controllers of a pod, as far as known: its ReplicaSet or StatefulSet, and the Deployment above it."""

    owner: Workload | None = None
    deployment: Workload | None = None


def controllers(pod: Pod, state: ClusterState) -> Controllers:
    """Return the controllers of a pod.

    Watches of different kinds are not synchronized, so a pod may arrive before its new ReplicaSet does, at the
    beginning of every rollout for example. Then the Deployment is found by the ReplicaSet's name, which the Deployment
    controller composes of the Deployment's name and the hash in the pods' label.
    """
    if pod.owner is None or pod.owner.kind not in _OWNERS:
        return Controllers()
    owner = _workload(pod.namespace, pod.owner, state)
    above = owner.owner if owner is not None else _deployment_of(pod.owner.name, pod.labels.get(_HASH, ""))
    return Controllers(owner, _workload(pod.namespace, above, state))


def _deployment_of(replica_set: str, template_hash: str) -> OwnerRef | None:
    name, _, last = replica_set.rpartition("-")
    return OwnerRef("Deployment", name) if name and last == template_hash else None


def _workload(namespace: str, ref: OwnerRef | None, state: ClusterState) -> Workload | None:
    """Return the workload of a reference, or None; an earlier workload of the same name is not it."""
    found = None if ref is None else state.workloads.get(f"{ref.kind}/{namespace}/{ref.name}")
    if found is None or ref is None or (ref.uid and found.uid and ref.uid != found.uid):
        return None
    return found


def spread_rate(pod: Pod, above: Controllers) -> SpreadRate | BadRate | None:
    """Return the rate for a pod from its own annotation, else the Deployment's, else its owner's; None without any.

    The Deployment comes before the ReplicaSet, whose annotation is a copy that the Deployment controller maintains.
    """
    for about in (pod, above.deployment, above.owner):
        if about is None or ANNOTATION not in about.annotations:
            continue
        text = about.annotations[ANNOTATION]
        source = f"{about.kind if isinstance(about, Workload) else 'Pod'} {about.namespace}/{about.name}"
        rate = _parse_rate(text)
        if rate is None:
            return BadRate(source, about, f"{ANNOTATION} is {text[:40]!r}: write a number from 0 to 1, such as 0.6")
        return SpreadRate(rate, source)
    return None


def _parse_rate(text: str) -> float | None:
    try:
        rate = float(text)
    except ValueError:
        return None
    return rate if 0.0 <= rate <= 1.0 else None


def wanted_replicas(above: Controllers) -> int | None:
    """Return the desired number of replicas, None while neither controller is known.

    The larger number counts: during a rollout the new ReplicaSet has fewer replicas than its Deployment.
    """
    known = (workload for workload in (above.owner, above.deployment) if workload is not None)
    return max((workload.replicas for workload in known if workload.replicas is not None), default=None)


def redundancy(replicas: int | None, rate: float) -> float:
    """Return the number of pods to spread, rounded up, so that a rate above 0 always spreads at least one.

    The product is rounded to nine digits first, because 100 * 0.29 is 28.999999999999996 in floats. While the number of
    replicas is unknown (None), every pod with a rate above 0 is spread.
    """
    if replicas is None:
        return math.inf if rate > 0 else 0
    return math.ceil(round(replicas * rate, 9))


def topology_key(nodes: Iterable[Node]) -> str | None:
    """Return the label whose values are the domains: region or zone if there are at least two, else None for nodes."""
    listed = list(nodes)
    for key in (REGION, ZONE):
        if len({node.labels[key] for node in listed if key in node.labels}) >= 2:
            return key
    return None


def domain(node: Node | None, name: str, key: str | None) -> str:
    """Return the domain of a node; a node without the label is a domain of its own."""
    if key is None or node is None:
        return name
    return node.labels.get(key) or name


def spread(names: Sequence[str], placed: Mapping[str, int], nodes: Mapping[str, Node]) -> AllowedNodes | None:
    """Return the nodes that a pod may go to, or None if all are allowed.

    Parameters
    ----------
    placed
        Number of pods of the same owner by node name: bound pods and choices of ours, without finished and terminating
        pods.
    nodes
        The known nodes of `names` and `placed`.
    """
    if not names or not placed:
        return None
    key = topology_key(nodes.values())
    where = [domain(nodes.get(name), name, key) for name in names]
    counts: Counter[str] = Counter()
    for name, count in placed.items():
        counts[domain(nodes.get(name), name, key)] += count
    fewest = min(counts[place] for place in where)
    what = "node" if key is None else key.rsplit("/", 1)[1]
    failed = {
        name: f"PodSpread: {what} {place} has {counts[place]} of these pods, others {fewest}"
        for name, place in zip(names, where, strict=True)
        if counts[place] > fewest
    }
    return AllowedNodes(tuple(name for name in names if name not in failed), failed) if failed else None
