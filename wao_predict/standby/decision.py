"""The decision of standby: which nodes to start and which to stop now. Pure.

Starts, in this order: for pods that fit on no running node, for the least number of nodes in a group or zone, for room
for the largest pods, and for spare capacity. Nodes that start already count. Stops: empty nodes, the most expensive
first, as long as the nodes that are on keep all of that among themselves. At any doubt nothing is stopped: while starts
are wanted, while the request of a pod is unknown, or when the caller forbids it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wao_predict.errors import UsageError
from wao_predict.standby.settings import StandbySettings
from wao_predict.standby.starts import Starts
from wao_predict.standby.state import Action, History, NodeState, PodGroup, StandbyNodes
from wao_predict.standby.stops import Stops


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now.

    Attributes
    ----------
    actions
        Steps in the order of their importance: either starts or stops.
    kept
        Why an empty node that standby may switch is not stopped now, by its row.
    held
        Starts that are wanted while a limit is reached, as texts.
    undone
        Rows of nodes that stop and are to run on, if that is still possible: capacity is missing, and that is quicker
        than a start.
    """

    actions: tuple[Action, ...]
    kept: dict[int, str]
    held: tuple[str, ...]
    undone: tuple[int, ...] = ()


def decide(
    nodes: StandbyNodes,
    pending: PodGroup,
    history: History,
    settings: StandbySettings,
    *,
    may_stop: bool,
    wake_all: bool = False,
) -> Decision:
    """Return which nodes to start and to stop now.

    Parameters
    ----------
    nodes
        All nodes of the cluster. Those that are no candidates count for capacity.
    pending
        Pods without a node. Those that fit on a running node cause no start, but their room is taken.
    history
        The recent past.
    settings
        See there.
    may_stop
        Whether nodes may be stopped: the caller knows about schedules and about doubts on the state.
    wake_all
        Start all candidates and stop none: the kill switch. Only `starts_at_once` limits it.

    Raises
    ------
    UsageError
        Pods and nodes differ in their number of resources, or `allowed` has another shape.

    Examples
    --------
    Two nodes of 32 cores are empty, and one has to be left as spare capacity:

    >>> from wao_predict.standby import NodeState, StandbyNodes
    >>> two = np.ones(2, dtype=bool)
    >>> nodes = StandbyNodes(
    ...     state=np.array([NodeState.ON, NodeState.ON]), capacity=np.full((2, 1), 32.0), requested=np.zeros((2, 1)),
    ...     empty_seconds=np.full(2, 1800.0), state_seconds=np.full(2, 7200.0), schedulable=two, candidate=two,
    ...     wake_tested=two, watts_per_core=np.array([8.0, 12.0]), group=np.array([-1, -1]), zone=np.array([-1, -1]))
    >>> decision = decide(nodes, PodGroup.none(), History(), StandbySettings(), may_stop=True)
    >>> [(action.kind.value, action.node, action.reason) for action in decision.actions]
    [('stop', 1, 'empty for 30 min')]
    >>> decision.kept
    {0: 'CPU: 0 of 16 spare cores would be left'}
    """
    for pods in (pending, history.largest):
        if len(pods) and pods.requests.shape != (len(pods), nodes.capacity.shape[1]):
            raise UsageError(f"requests {pods.requests.shape} for {nodes.capacity.shape[1]} resources of nodes")
        if pods.allowed is not None and pods.allowed.shape != (len(pods), len(nodes)):
            raise UsageError(f"allowed {pods.allowed.shape} for {len(pods)} pods and {len(nodes)} nodes")
    if wake_all:
        starts = Starts(nodes, History(), settings)
        starts.all()
        return Decision(tuple(starts.actions), {}, tuple(starts.held), _stopping(nodes))
    starts = Starts(nodes, history, settings)
    starts.for_pods(pending)
    starts.for_floors("group", nodes.group, settings.nodes_per_group)
    starts.for_floors("zone", nodes.zone, settings.nodes_per_zone)
    starts.for_largest(history.largest)
    starts.for_spare()
    stops = Stops(nodes, starts.room.among(nodes.up), history, settings)
    stops.decide(_doubt(pending, history, starts, may_stop))
    undone = _stopping(nodes) if starts.missing else ()
    return Decision((*starts.actions, *stops.actions), stops.kept, tuple(starts.held), undone)


def _stopping(nodes: StandbyNodes) -> tuple[int, ...]:
    return tuple(np.flatnonzero(nodes.state == NodeState.STOPPING).tolist())


def _doubt(pending: PodGroup, history: History, starts: Starts, may_stop: bool) -> str | None:
    """Return why nothing may be stopped now, None if something may."""
    if not may_stop:
        return "stops are not permitted now"
    if starts.missing:
        return "capacity is missing"
    if np.isnan(pending.requests).any() or np.isnan(history.largest.requests).any():
        return "the request of a pod is unknown"
    return None
