"""PodSpread: keep the first share of a workload's pods in different domains. Pure functions.

The rule of the reference (wao-scheduler/pkg/plugins/podspread): with `rate` of the replicas as the wanted redundancy,
as long as fewer pods than that are placed, only the domains with the fewest of them are allowed. Here the choice is
made only among the nodes that the scheduler sent, which already passed taints, resources and cordons, so it can never
leave a pod without a node.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from wao_core.records import Node, OwnerRef, Pod, Workload
from wao_core.state import ClusterState

ANNOTATION = "waok8s.github.io/podspread-rate"
REGION = "topology.kubernetes.io/region"
ZONE = "topology.kubernetes.io/zone"
_OWNERS = ("ReplicaSet", "StatefulSet")


@dataclass(frozen=True, slots=True)
class SpreadRate:
    """The rate in force, and the object whose annotation says it ("Deployment default/web")."""

    rate: float
    source: str


@dataclass(frozen=True, slots=True)
class BadRate:
    """An annotation that is refused: where it stands and why."""

    source: str
    about: Pod | Workload
    reason: str


@dataclass(frozen=True, slots=True)
class SpreadDecision:
    """Which of the candidate names pass, and why the others do not."""

    keep: tuple[str, ...]
    failed: Mapping[str, str]


def owner_of(pod: Pod, state: ClusterState) -> Workload | None:
    """Return the ReplicaSet or StatefulSet that controls a pod."""
    return _workload(pod.namespace, pod.owner, state) if pod.owner and pod.owner.kind in _OWNERS else None


def _workload(namespace: str, ref: OwnerRef | None, state: ClusterState) -> Workload | None:
    return None if ref is None else state.workloads.get(f"{ref.kind}/{namespace}/{ref.name}")


def spread_rate(pod: Pod, state: ClusterState) -> SpreadRate | BadRate | None:
    """Return the rate for a pod: its own annotation, else its owner's, else the Deployment's; None without any."""
    owner = owner_of(pod, state)
    deployment = _workload(pod.namespace, owner.owner, state) if owner is not None else None
    for about, kind in ((pod, "Pod"), (owner, owner.kind if owner else ""), (deployment, "Deployment")):
        if about is None or ANNOTATION not in about.annotations:
            continue
        text = about.annotations[ANNOTATION]
        source = f"{kind} {about.namespace}/{about.name}"
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


def wanted_replicas(owner: Workload, state: ClusterState) -> int:
    """Return the live number of replicas wanted.

    The Deployment's where there is one: during a rollout the new ReplicaSet is small.
    """
    deployment = _workload(owner.namespace, owner.owner, state)
    counts = [
        workload.replicas for workload in (owner, deployment) if workload is not None and workload.replicas is not None
    ]
    return max(counts, default=1)


def redundancy(replicas: int, rate: float) -> int:
    """Return how many pods must be spread: the ceiling, so that a rate above 0 always spreads something.

    Rounded to nine digits first: 100 * 0.29 is 28.999999999999996 in floats.
    """
    return math.ceil(round(replicas * rate, 9))


def topology_key(nodes: Iterable[Node]) -> str | None:
    """Return the label to spread over: region or zone when the nodes show at least two of them, else None: the node."""
    listed = list(nodes)
    for key in (REGION, ZONE):
        if len({node.labels[key] for node in listed if key in node.labels}) >= 2:
            return key
    return None


def domain(node: Node | None, name: str, key: str | None) -> str:
    """Return the domain of a node; one without the label is a domain of its own."""
    if key is None or node is None:
        return name
    return node.labels.get(key) or name


def spread(
    names: Sequence[str], placed: Mapping[str, int], nodes: Mapping[str, Node], *, wanted: int
) -> SpreadDecision | None:
    """Choose among `names`; None when every node passes.

    Parameters
    ----------
    placed
        Pods of the same owner per node name: bound ones and our own last choices, without finished and ending ones.
    wanted
        The redundancy; once that many pods are placed, nothing is restricted.
    """
    if not names or sum(placed.values()) >= wanted:
        return None
    key = topology_key(nodes.values())
    counts: Counter[str] = Counter()
    for name, count in placed.items():
        counts[domain(nodes.get(name), name, key)] += count
    fewest = min(counts[domain(nodes.get(name), name, key)] for name in names)
    keep, failed = [], {}
    for name in names:
        where = domain(nodes.get(name), name, key)
        if counts[where] == fewest:
            keep.append(name)
        else:
            what = "node" if key is None else key.rsplit("/", 1)[1]
            failed[name] = f"PodSpread: {what} {where} has {counts[where]} of these pods, others {fewest}"
    return SpreadDecision(tuple(keep), failed) if failed else None
