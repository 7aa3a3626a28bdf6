"""The cluster as the input of a plan: arrays of nodes and Pods. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wao_core.cluster.records import Node, PodMetrics
from wao_core.prediction.snapshot import ClusterSnapshot
from wao_fleet.drain.constraints import Constraints
from wao_fleet.drain.evictable import belongs_to_node
from wao_fleet.drain.node_marks import draining_for
from wao_fleet.drain.places import matches_terms, may_run_on
from wao_fleet.drain.pods import FleetPod, NodeTerm
from wao_fleet.rebalance.memory import Memory
from wao_fleet.rebalance.movable import MoveRules
from wao_fleet.rebalance.settings import RebalanceSettings
from wao_predict.arrays import BoolArray, FloatArray, IntArray
from wao_predict.cooling.groups import cost_curves
from wao_predict.rebalance import RebalanceNodes, RebalancePods

OPT_OUT = "waok8s.github.io/rebalance"
"""Annotation of a Node: "false" keeps its Pods where they are."""
OLDEST_SAMPLE = 900.0
"""Age at which a CPU sample is no longer used [s]."""


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """What is known of the cluster at one moment.

    Parameters
    ----------
    snapshot
        Curves, CPU and floors of the nodes.
    nodes, pods, usage
        Nodes by name, and Pods and their CPU use by namespace/name.
    factors
        What a watt costs on each node of the snapshot, shape (n_nodes,); default: the same everywhere.
    """

    snapshot: ClusterSnapshot
    nodes: Mapping[str, Node]
    pods: Mapping[str, FleetPod]
    usage: Mapping[str, PodMetrics]
    constraints: Constraints
    memory: Memory
    now: float
    factors: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class View:
    """The input of a plan.

    Attributes
    ----------
    nodes, pods
        The arrays.
    movers
        The Pod of each row of `pods`.
    stays
        Why a Pod stays, by its row.
    closed
        Why a node takes no part, by its row; empty for one that does.
    """

    snapshot: ClusterSnapshot
    nodes: RebalanceNodes
    pods: RebalancePods
    movers: Sequence[FleetPod]
    stays: Mapping[int, str]
    closed: Sequence[str]


def view_of(facts: ClusterFacts, settings: RebalanceSettings) -> View:
    """Return the input of a plan."""
    snapshot = facts.snapshot
    placed = [pod for pod in facts.pods.values() if pod.node_name in snapshot.index and not pod.finished]
    placed.sort(key=lambda pod: pod.key)  # the same cluster gives the same plan
    replicas = Counter(pod.owner_identity for pod in facts.pods.values() if not pod.finished)
    rules = MoveRules(settings, facts.constraints, facts.memory, replicas, facts.now)
    movers = [pod for pod in placed if not belongs_to_node(pod)]
    stays = {row: why for row, pod in enumerate(movers) if (why := rules.why_stays(pod))}
    closed = [_why_closed(facts, row) for row in range(len(snapshot))]
    return View(snapshot, _nodes(facts, placed, closed), _pods(facts, movers, stays, rules), movers, stays, closed)


def _why_closed(facts: ClusterFacts, row: int) -> str:
    snapshot = facts.snapshot
    name = snapshot.names[row]
    node = facts.nodes.get(name)
    if node is None or not node.ready or node.terminating:
        return "the node is not ready"
    if not snapshot.curves.known[row]:
        return snapshot.reasons[row] or "its power curve is not known"
    if not facts.now - snapshot.usage_at[row] <= OLDEST_SAMPLE:
        return "it has no recent CPU sample"
    if (by := draining_for(node)) is not None:
        return f"{by} is draining it"
    if node.unschedulable:
        return "it is cordoned"
    if node.annotations.get(OPT_OUT) == "false":
        return f'its annotation {OPT_OUT} is "false"'
    return "" if facts.memory.may_drain(name, facts.now) else "its last drain failed"


def _nodes(facts: ClusterFacts, placed: Iterable[FleetPod], closed: Sequence[str]) -> RebalanceNodes:
    snapshot = facts.snapshot
    count = len(snapshot)
    requested, unseen, taken = np.zeros(count), np.zeros(count), np.zeros((count, 2))
    for pod in placed:
        row = snapshot.index[pod.node_name or ""]
        requested[row] += pod.cpu_request or 0.0
        taken[row] += (pod.memory_request or 0.0, 1.0)
        if _is_unseen(pod, float(snapshot.usage_at[row])):
            unseen[row] += pod.cpu_request or 0.0
    has = [_room(facts.nodes.get(name)) for name in snapshot.names]
    fresh = np.array([not why for why in closed], dtype=np.bool_) if count else np.zeros(0, dtype=np.bool_)
    return RebalanceNodes(
        curves=snapshot.curves if facts.factors is None else cost_curves(snapshot.curves, facts.factors),
        capacity=snapshot.allocatable_cores,
        requested=requested,
        used=snapshot.usage_cores + unseen,
        size=snapshot.capacity_cores,
        floor=snapshot.floor_cores,
        receives=fresh,
        gives=fresh,
        room=np.array(has, dtype=np.float64).reshape(count, 2) - taken,
    )


def _is_unseen(pod: FleetPod, sampled_at: float) -> bool:
    """Return whether a Pod came to its node after the CPU of the node was sampled."""
    since = next((time for time in (pod.started_at, pod.scheduled_at, pod.created) if time is not None), None)
    return since is not None and since > sampled_at


def _room(node: Node | None) -> tuple[float, float]:
    """Return memory [bytes] and number of Pods of a node; a node that states none has none, as in the scheduler."""
    if node is None:
        return 0.0, 0.0
    return node.allocatable_memory or 0.0, node.allocatable_pods or 0.0


def _pods(facts: ClusterFacts, movers: Sequence[FleetPod], stays: Mapping[int, str], rules: MoveRules) -> RebalancePods:
    count = len(movers)
    workloads: dict[str, int] = {}
    request: FloatArray = np.array([pod.cpu_request or 0.0 for pod in movers], dtype=np.float64)
    movable: BoolArray = np.ones(count, dtype=np.bool_)
    movable[list(stays)] = False
    group, allowed = _places(facts, movers, stays)
    return RebalancePods(
        node=np.array([facts.snapshot.index[pod.node_name or ""] for pod in movers], dtype=np.int64),
        request=request,
        use=np.array([_use(facts, pod) for pod in movers], dtype=np.float64),
        movable=movable,
        age=np.array([rules.age(pod) for pod in movers], dtype=np.float64),
        workload=np.array([_number(pod.owner_identity, workloads) for pod in movers], dtype=np.int64),
        group=group,
        allowed=allowed,
        needs=np.array([(pod.memory_request or 0.0, 1.0) for pod in movers], dtype=np.float64).reshape(count, 2),
    )


def _use(facts: ClusterFacts, pod: FleetPod) -> float:
    """Return the CPU use of a Pod [cores]: measured, else its request."""
    sample = facts.usage.get(pod.key)
    if sample is None or facts.now - sample.timestamp > OLDEST_SAMPLE:
        return pod.cpu_request or 0.0
    return sample.cpu_cores


def _number(workload: str, numbers: dict[str, int]) -> int:
    return numbers.setdefault(workload, len(numbers)) if workload else -1


def _places(facts: ClusterFacts, movers: Sequence[FleetPod], stays: Mapping[int, str]) -> tuple[IntArray, BoolArray]:
    """Return the group of each Pod, shape (n_pods,), and the nodes that each group allows, shape (n_groups, n_nodes).

    Pods with the same rules are one group. Group 0 is that of Pods that stay.
    """
    nodes = [facts.nodes.get(name) for name in facts.snapshot.names]
    rows, allowed = {}, [np.zeros(len(nodes), dtype=np.bool_)]
    group = np.zeros(len(movers), dtype=np.int64)
    for index, pod in enumerate(movers):
        if index in stays:
            continue
        volumes = _volume_terms(facts.constraints, pod)
        key = (tuple(sorted(pod.node_selector.items())), pod.node_terms, pod.tolerations, volumes)
        if key not in rows:
            rows[key] = len(allowed)
            allowed.append(
                np.array([node is not None and _allows(pod, volumes, node) for node in nodes], dtype=np.bool_)
            )
        group[index] = rows[key]
    return group, np.array(allowed, dtype=np.bool_).reshape(len(allowed), len(nodes))


def _volume_terms(constraints: Constraints, pod: FleetPod) -> tuple[tuple[NodeTerm, ...], ...]:
    found = (constraints.volumes[f"{pod.namespace}/{claim}"].terms for claim in pod.claims)
    return tuple(terms for terms in found if terms is not None)


def _allows(pod: FleetPod, volumes: tuple[tuple[NodeTerm, ...], ...], node: Node) -> bool:
    return may_run_on(pod, node) and all(matches_terms(terms, node) for terms in volumes)
