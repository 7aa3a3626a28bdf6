"""From the records of the cluster to the arrays that `wao_predict.standby.decide` takes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from wao_core.cluster.names import ZONE
from wao_core.cluster.records import Node, NodeConfig
from wao_fleet.drain.evictable import belongs_to_node
from wao_fleet.drain.node_marks import CORDONED_BY
from wao_fleet.drain.places import may_run_on
from wao_fleet.drain.pods import FleetPod
from wao_fleet.standby.candidates import KEPT_LABELS, PURPOSE, NodeFacts, why_never, why_not_now
from wao_fleet.standby.progress import Phase, Progress
from wao_predict.arrays import BoolArray, FloatArray, IntArray
from wao_predict.standby import History, NodeState, PodGroup, StandbyNodes

HOUR = 3600.0
STUBBORN, SURELY = 60.0, 15.0
"""Seconds after which a Pod that seems to fit on a running node is believed to fit on none, as kube-scheduler says: the
first for Pods all of whose rules are known here, the second for others."""
HOPELESS = 1800.0
"""Seconds after which such a Pod starts no more nodes: it waits for something else."""
LINGERING = tuple(f"node.kubernetes.io/{name}" for name in ("not-ready", "unreachable", "unschedulable"))
"""Taints that stay for some seconds on a node that is up again."""
OF_THE_NODE = ("node.kubernetes.io/", "waok8s.github.io/", "node.cloudprovider.kubernetes.io/")
"""Prefixes of taints that a node loses when it is up again."""
_STATES = {
    Phase.RUNNING: NodeState.ON,
    Phase.DRAINING: NodeState.STOPPING,
    Phase.SHUTTING_DOWN: NodeState.STOPPING,
    Phase.ASLEEP: NodeState.OFF,
    Phase.STARTING: NodeState.STARTING,
    Phase.FAILED: NodeState.FAILED,
}


@dataclass(frozen=True, slots=True)
class View:
    """Everything that one decision looks at.

    Attributes
    ----------
    facts
        The nodes by name.
    pods
        All Pods.
    empty_since
        Time since which each empty node has been empty [s since the epoch].
    watts_per_core
        Order of the nodes by name; missing: unknown.
    largest
        Pods for which room is kept, such as the largest ones of the last day.
    extended
        Names of the extended resources of each node, such as "nvidia.com/gpu".
    kept
        Labels of nodes that stay on.
    peak
        Highest sum of the requests of Pods that are not bound to their node, in the time to look back; None: unknown.
    acting
        Whether decisions are carried out. Recommendations also concern nodes whose start was not tested yet, and those
        whose method is DryRun.
    """

    now: float
    facts: Mapping[str, NodeFacts]
    pods: Sequence[FleetPod]
    empty_since: Mapping[str, float]
    watts_per_core: Mapping[str, float] = field(default_factory=dict)
    largest: Sequence[FleetPod] = ()
    extended: Mapping[str, frozenset[str]] = field(default_factory=dict)
    kept: Sequence[str] = KEPT_LABELS
    acting: bool = True
    peak: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Fleet:
    """The arguments of `decide`, the names of the rows, and why a node is no candidate."""

    names: tuple[str, ...]
    nodes: StandbyNodes
    pending: PodGroup
    history: History
    excluded: Mapping[str, str]


def fleet_of(view: View) -> Fleet:
    """Return the arrays of a view; nodes that are not in the cluster are left out."""
    facts = {name: each for name, each in view.facts.items() if each.node is not None}
    names = tuple(sorted(facts))
    nodes = [facts[name].node for name in names]
    progress = [facts[name].progress for name in names]
    never = {name: why_never(facts[name], view.kept) or _dry(facts[name], view.acting) for name in names}
    now = {name: why_not_now(facts[name]) for name in names if facts[name].progress.phase is Phase.RUNNING}
    excluded = {name: why for name in names if (why := never[name] or now.get(name, ""))}
    state = np.array([_STATES[each.phase] for each in progress], dtype=np.int64)
    known = [_in_operation(node) if on == NodeState.ON else node for node, on in zip(nodes, state, strict=True) if node]
    arrays = StandbyNodes(
        state=state,
        capacity=np.array([_capacity(node) for node in known]).reshape(-1, 3),
        requested=_requested(names, view.pods),
        empty_seconds=np.array([view.now - view.empty_since.get(name, np.nan) for name in names]),
        state_seconds=np.array([_state_seconds(facts[name], view.now) for name in names]),
        schedulable=np.array([node.ready and not node.unschedulable and not node.terminating for node in known], bool),
        candidate=np.array([_is_candidate(name, facts[name], excluded) for name in names], dtype=bool),
        wake_tested=np.array([each.wake_tested or not view.acting for each in progress], dtype=bool),
        watts_per_core=np.array([view.watts_per_core.get(name, np.nan) for name in names]),
        group=_numbers([_group(facts[name]) for name in names]),
        zone=_numbers([node.labels.get(ZONE) for node in known]),
    )
    pending = [pod for pod in view.pods if waits(pod)]
    places = _Places(known, state, view.extended)
    return Fleet(
        names,
        arrays,
        _group_of(pending, lambda pod: places.of_waiting(pod, view.now)),
        History(
            starts=_within(view.now, (each.last_start for each in progress)),
            stops=_within(view.now, (each.last_stop for each in progress)),
            largest=_group_of(view.largest, places.of),
            peak=_peak(view, names, arrays),
        ),
        excluded,
    )


def waits(pod: FleetPod) -> bool:
    """Return whether a Pod waits for a node; one of a DaemonSet is for one node only, and no reason to start it."""
    return not pod.node_name and not pod.finished and not pod.terminating and not belongs_to_node(pod)


def keeps_node(pod: FleetPod) -> bool:
    """Return whether a Pod keeps its node from being empty."""
    return bool(pod.node_name) and not pod.finished and not belongs_to_node(pod)


def demand_of(pods: Iterable[FleetPod]) -> FloatArray:
    """Return the sum of the requests of Pods that would run on another node if theirs was off, shape (3,)."""
    requests = [_request(pod) for pod in pods if keeps_node(pod)]
    total: FloatArray = np.array(requests).reshape(-1, 3).sum(axis=0)
    return total


def _peak(view: View, names: Sequence[str], nodes: StandbyNodes) -> FloatArray | None:
    """Return the highest demand, with the Pods that each running node has for itself, such as those of DaemonSets."""
    if view.peak is None:
        return None
    running = [name for name, up in zip(names, nodes.up, strict=True) if up]
    peak: FloatArray = view.peak + _requested(running, filter(belongs_to_node, view.pods)).sum(axis=0)
    return peak


def dry_run_of(config: NodeConfig | None) -> str:
    """Return why a node is not switched if its method is DryRun, else an empty string."""
    standby = None if config is None else config.standby
    return "its method is DryRun" if standby is not None and standby.dry_run else ""


def largest_of(pods: Iterable[FleetPod]) -> tuple[FleetPod, ...]:
    """Return the Pod with the largest CPU request and the one with the largest memory request."""
    held = [pod for pod in pods if not pod.finished and not belongs_to_node(pod) and not pod.extended]
    if not held:
        return ()
    cpu = max(held, key=lambda pod: pod.cpu_request or 0.0)
    memory = max(held, key=lambda pod: pod.memory_request or 0.0)
    return (cpu,) if cpu is memory else (cpu, memory)


class _Places:
    """Where Pods may run; Pods with the same rules share one computation."""

    def __init__(self, nodes: Sequence[Node], state: IntArray, extended: Mapping[str, frozenset[str]]) -> None:
        self._extended = extended
        self._nodes = [node if on == NodeState.ON else as_if_up(node) for node, on in zip(nodes, state, strict=True)]
        self._off: BoolArray = state != NodeState.ON
        self._found: dict[bytes, BoolArray] = {}

    def of(self, pod: FleetPod) -> BoolArray:
        rules = msgspec.json.encode((pod.node_selector, pod.node_terms, pod.tolerations, pod.extended))
        if rules not in self._found:
            allowed = [self._has(node, pod) and may_run_on(pod, node) for node in self._nodes]
            self._found[rules] = np.array(allowed, dtype=bool)
        return self._found[rules]

    def _has(self, node: Node, pod: FleetPod) -> bool:
        """Return whether a node has the extended resources of a Pod; how many of them are free is not known."""
        return not pod.extended or set(pod.extended) <= self._extended.get(node.name, frozenset())

    def of_waiting(self, pod: FleetPod, now: float) -> BoolArray:
        """Return the same; a Pod that waits for long fits on no running node for a reason that is not known here."""
        waited = now - (pod.created or now)
        if waited < (SURELY if pod.extended or pod.tied_to_pods else STUBBORN):
            return self.of(pod)
        allowed: BoolArray = self.of(pod) & (self._off if waited < HOPELESS else ~self._off)
        return allowed


def _in_operation(node: Node) -> Node:
    """Return a node that runs without the marks that its wake-up leaves for some seconds."""
    if not node.ready:
        return node
    cordoned = node.unschedulable and node.annotations.get(CORDONED_BY) != PURPOSE
    taints = tuple(taint for taint in node.taints if taint.key not in LINGERING)
    return msgspec.structs.replace(node, unschedulable=cordoned, taints=taints)


def as_if_up(node: Node) -> Node:
    """Return a sleeping node as it will be when it is up: its last known state without the marks of its sleep."""
    cordoned = node.unschedulable and node.annotations.get(CORDONED_BY) != PURPOSE
    taints = tuple(taint for taint in node.taints if not taint.key.startswith(OF_THE_NODE))
    return msgspec.structs.replace(node, ready=True, unschedulable=cordoned, taints=taints)


def _is_candidate(name: str, facts: NodeFacts, excluded: Mapping[str, str]) -> bool:
    """Return whether a node may be switched off, or, where it is off, on: the latter needs no more than standby."""
    if facts.progress.phase is Phase.RUNNING:
        return name not in excluded
    return facts.config is not None and facts.config.standby is not None


def _dry(facts: NodeFacts, acting: bool) -> str:
    return dry_run_of(facts.config) if acting else ""


def _capacity(node: Node) -> tuple[float, float, float]:
    values = (node.allocatable_cores, node.allocatable_memory, node.allocatable_pods)
    cores, memory, pods = (np.nan if value is None else value for value in values)
    return cores, memory, pods


def _request(pod: FleetPod) -> tuple[float, float, float]:
    return pod.cpu_request or 0.0, pod.memory_request or 0.0, 1.0


def _requested(names: Sequence[str], pods: Iterable[FleetPod]) -> FloatArray:
    rows = {name: row for row, name in enumerate(names)}
    result = np.zeros((len(names), 3))
    for pod in pods:
        row = rows.get(pod.node_name or "")
        if row is not None and not pod.finished:
            result[row] += _request(pod)
    return result


def _group_of(pods: Sequence[FleetPod], places: Callable[[FleetPod], BoolArray]) -> PodGroup:
    requests = np.array([_request(pod) for pod in pods]).reshape(-1, 3)
    return PodGroup(requests, np.array([places(pod) for pod in pods]) if pods else None)


def _group(facts: NodeFacts) -> str | None:
    standby = None if facts.config is None else facts.config.standby
    return None if standby is None else f"group {standby.group}"


def _numbers(labels: Sequence[str | None]) -> IntArray:
    known = sorted({label for label in labels if label is not None})
    index = {label: number for number, label in enumerate(known)}
    return np.array([-1 if label is None else index[label] for label in labels], dtype=np.int64)


def _state_seconds(facts: NodeFacts, now: float) -> float:
    """Return the time in the present phase; a node that standby never switched is on since it was created."""
    since = facts.progress.since or (facts.node.created if facts.node is not None else None)
    return np.nan if since is None else now - since


def _within(now: float, times: Iterable[float | None]) -> int:
    return sum(time is not None and now - time < HOUR for time in times)


def progress_of(facts: Mapping[str, NodeFacts]) -> dict[str, Progress]:
    """Return the progress of all nodes."""
    return {name: each.progress for name, each in facts.items()}
