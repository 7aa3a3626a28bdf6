"""Servers that are switched off and on during a simulation, by the decision of `wao_predict.standby`. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from wao_predict.arrays import FloatArray, IntArray
from wao_predict.curves import PowerCurves
from wao_predict.errors import UsageError
from wao_predict.simulate.nodes import SimulatedNodes
from wao_predict.simulate.trace import DAY
from wao_predict.standby import (
    ActionKind,
    History,
    NodeState,
    PodGroup,
    StandbyNodes,
    StandbySettings,
    decide,
    watts_per_core,
)
from wao_predict.standby.history import LOOK_BACK, Peak, Recent, SlidingMaximum

REACTION = 5.0
"""Time from a pod that finds no room to the decision [s]."""


@dataclass(frozen=True, slots=True)
class Standby:
    """How servers are switched off and on in a simulation.

    Attributes
    ----------
    settings
        Settings of the decision.
    start_seconds, stop_seconds
        Time that a start and a stop take [s], at idle power.
    drain_seconds
        First part of a stop, in which missing capacity undoes it [s].
    off_watts
        Power of a server that is off [W]: its BMC.
    failure_rate
        Fraction of starts that fail. The server then draws its idle power until it is repaired.
    repair_seconds
        Time until a server whose start failed is off again, and may be started [s].
    period
        Time between two decisions [s]; a pod that finds no room causes one at once.
    look_back
        Time whose highest demand the running nodes can carry before one is stopped [s].
    pods_window
        Time for which room for the largest pod stays [s].

    Raises
    ------
    UsageError
        A value is out of its range.
    """

    settings: StandbySettings = field(default_factory=StandbySettings)
    start_seconds: float = 300.0
    stop_seconds: float = 60.0
    drain_seconds: float = 10.0
    off_watts: float = 8.0
    failure_rate: float = 0.0
    repair_seconds: float = 14_400.0
    period: float = 60.0
    look_back: float = LOOK_BACK
    pods_window: float = DAY

    def __post_init__(self) -> None:
        for name in (*(f"{part}_seconds" for part in ("start", "stop", "drain", "repair")), *_OTHERS):
            if not 0 <= getattr(self, name) < np.inf:
                raise UsageError(f"{name} is {getattr(self, name):g}: give a number of at least 0")
        if not 0 <= self.failure_rate <= 1:
            raise UsageError(f"failure_rate is {self.failure_rate:g}: give a number from 0 to 1")
        if not 1 <= self.period < np.inf:
            raise UsageError(f"period is {self.period:g}: give at least 1 s")


_OTHERS = ("off_watts", "look_back", "pods_window")


class SimulatedStandby:
    """The power states of the nodes during one simulation.

    Parameters
    ----------
    nodes
        The nodes. Those with a base load are never switched, as the base load stays.
    options
        See there.
    draw
        Random numbers, for starts that fail.

    Attributes
    ----------
    next_at
        Time of the next change or decision [s].
    starts, failed
        Number of starts so far, and of those that failed.
    """

    def __init__(self, nodes: SimulatedNodes, options: Standby, draw: np.random.Generator) -> None:
        count = len(nodes)
        self._nodes, self._options, self._draw = nodes, options, draw
        self._candidate = nodes.requested == 0.0
        nodes.may_be_off(self._candidate, options.off_watts)
        self.state: IntArray = np.full(count, NodeState.ON, dtype=np.int64)
        self._since: FloatArray = np.full(count, -np.inf)
        self._empty_since: FloatArray = np.where(self._candidate, 0.0, np.nan)
        self._changes: list[tuple[float, int, NodeState]] = []  # a heap of (time, node, state)
        self._decide_at = options.period
        self._started, self._stopped = Recent(), Recent()
        self._demand, self._largest = Peak(options.look_back), SlidingMaximum(options.pods_window)
        self._curves: PowerCurves | None = None
        self._watts_per_core: FloatArray = np.empty(0)
        self.starts, self.failed = 0, 0

    @property
    def next_at(self) -> float:
        """Time of the next change or decision [s]."""
        return min(self._decide_at, self._changes[0][0]) if self._changes else self._decide_at

    @property
    def on(self) -> int:
        """Number of nodes on which pods can run."""
        return int(np.count_nonzero(self.state == NodeState.ON))

    def pod_came(self, node: int, request: float) -> None:
        """Note a pod on a node."""
        self._empty_since[node] = np.nan
        self._largest.note(self._nodes.now, request)

    def emptied(self, node: int) -> None:
        """Note that the last pod left a node."""
        if self._candidate[node]:
            self._empty_since[node] = self._nodes.now

    def found_no_room(self) -> None:
        """Note that a pod waits."""
        self._decide_at = min(self._decide_at, self._nodes.now + REACTION)

    def act(self, waiting: Sequence[float]) -> list[int]:
        """Make the changes that are due, and decide if it is time; return the nodes that pods can use from now on.

        Parameters
        ----------
        waiting
            CPU requests of the pods that wait [cores].
        """
        ready = []
        now = self._nodes.now
        while self._changes and self._changes[0][0] <= now:
            _, node, state = heapq.heappop(self._changes)
            self._become(node, state)
            if state is NodeState.ON:
                ready.append(node)
        if now >= self._decide_at:
            self._decide_at = now + self._options.period
            ready += self._decide(waiting)
        return ready

    def _decide(self, waiting: Sequence[float]) -> list[int]:
        """Decide, and return the nodes that run on because their stop is undone."""
        now = self._nodes.now
        self._demand.note(now, self._nodes.requested.sum(keepdims=True))
        largest = self._largest.at(now)
        history = History(
            self._started.count(now),
            self._stopped.count(now),
            largest=PodGroup.of([] if largest is None else [largest]),
            peak=self._demand.at(now),
        )
        decision = decide(self._rows(), PodGroup.of(waiting), history, self._options.settings, may_stop=True)
        for action in decision.actions:
            if action.kind is ActionKind.STOP:
                self._stopped.note(now)
                self._change(action.node, NodeState.STOPPING, NodeState.OFF, self._options.stop_seconds)
            else:
                self._started.note(now)
                self.starts += 1
                fails = self._options.failure_rate and self._draw.random() < self._options.failure_rate
                follows = NodeState.FAILED if fails else NodeState.ON
                self._change(action.node, NodeState.STARTING, follows, self._options.start_seconds)
        undone = [node for node in decision.undone if now - self._since[node] < self._options.drain_seconds]
        if undone:
            self._changes = [change for change in self._changes if change[1] not in undone]
            heapq.heapify(self._changes)
            for node in undone:
                self._become(node, NodeState.ON)
        return undone

    def _rows(self) -> StandbyNodes:
        nodes, everywhere = self._nodes, np.ones(len(self._nodes), dtype=np.bool_)
        if self._curves is not nodes.curves:
            self._curves = nodes.curves
            self._watts_per_core = watts_per_core(nodes.curves, nodes.capacity, self._options.off_watts)
        no_member = np.full(len(nodes), -1, dtype=np.int64)
        return StandbyNodes(
            state=self.state,
            capacity=nodes.capacity[:, None],
            requested=nodes.requested[:, None],
            empty_seconds=nodes.now - self._empty_since,
            state_seconds=nodes.now - self._since,
            schedulable=everywhere,
            candidate=self._candidate,
            wake_tested=everywhere,
            watts_per_core=self._watts_per_core * nodes.cost_factors,
            group=no_member,
            zone=no_member,
        )

    def _change(self, node: int, state: NodeState, follows: NodeState, seconds: float) -> None:
        """Put a node into a state that another one follows after a time."""
        self._become(node, state)
        heapq.heappush(self._changes, (self._nodes.now + seconds, node, follows))

    def _become(self, node: int, state: NodeState) -> None:
        now = self._nodes.now
        self.state[node] = state
        self._since[node] = now
        self._empty_since[node] = now if state is NodeState.ON else np.nan
        self._nodes.switch(node, usable=state is NodeState.ON, off=state is NodeState.OFF)
        if state is NodeState.FAILED:
            self.failed += 1
            heapq.heappush(self._changes, (now + self._options.repair_seconds, node, NodeState.OFF))
