"""The events of one simulation: pods arrive and end, nodes are switched, pods are moved, and curves change. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence

import numpy as np

from wao_predict.arrays import BoolArray, FloatArray, IntArray
from wao_predict.increase import least
from wao_predict.simulate.moves import SimulatedMoves
from wao_predict.simulate.nodes import SimulatedNodes
from wao_predict.simulate.policies import Policy
from wao_predict.simulate.run import Conditions
from wao_predict.simulate.standby import SimulatedStandby
from wao_predict.simulate.trace import Trace

PROGRESS_EVERY = 1000
"""Arrivals between two reports of progress."""


class Simulation:
    """The events of one simulation."""

    def __init__(
        self,
        nodes: SimulatedNodes,
        trace: Trace,
        policy: Policy,
        standby: SimulatedStandby | None,
        moves: SimulatedMoves | None,
    ) -> None:
        self.nodes, self._policy, self._standby, self._moves = nodes, policy, standby, moves
        self._arrival, self._duration = trace.arrival.tolist(), trace.duration.tolist()
        self._request, self._use = trace.request.tolist(), trace.use.tolist()
        self._on_node = None if trace.node is None else trace.node.tolist()
        self._horizon = trace.horizon
        self.node: IntArray = np.full(len(trace), -1, dtype=np.int64)
        self.waited: FloatArray = np.zeros(len(trace))
        self._since: FloatArray = np.zeros(len(trace))
        self._running: list[tuple[float, int]] = []  # a heap of (end, pod)
        self._waiting: list[int] = []
        self.times: list[float] = [0.0]
        self.watts: list[float] = [nodes.total_watts]
        self.cooling: list[float] = [nodes.cooling_watts]
        self.busy: list[int] = [0]
        self.on: list[int] = [len(nodes)]
        self._pods = [0] * len(nodes)
        self._busy, self._on = 0, len(nodes)

    def play(self, conditions: Sequence[Conditions], progress: Callable[[int], None]) -> None:
        """Process all events before the horizon."""
        changes = list(reversed(conditions))
        for pod, at in enumerate(self._arrival):
            if at >= self._horizon:
                break
            self._until(at, changes)
            self._advance(at)
            self._arrive(pod)
            if pod % PROGRESS_EVERY == PROGRESS_EVERY - 1:
                progress(PROGRESS_EVERY)
        self._until(self._horizon, changes)
        progress(len(self._arrival) % PROGRESS_EVERY)

    def _until(self, at: float, changes: list[Conditions]) -> None:
        """Process ends of pods, switches of nodes, moves and changes of curves until a time."""
        while True:
            end = self._running[0][0] if self._running else np.inf
            change = changes[-1].at if changes else np.inf
            control = min((part.next_at for part in (self._standby, self._moves) if part is not None), default=np.inf)
            first = min(end, change, control)
            if first > at or first >= self._horizon:
                return
            if control < min(end, change):
                self._advance(control)
                self._control()
            elif change <= end:
                self._advance(change)
                later = changes.pop()
                self.nodes.set_curves(later.curves, later.cooling)
                self._record()
            else:
                self._advance(end)
                self._end(heapq.heappop(self._running)[1])

    def _advance(self, at: float) -> None:
        self.nodes.advance(at)
        if at > self.times[-1]:
            self.times.append(at)
            self.watts.append(self.nodes.total_watts)
            self.cooling.append(self.nodes.cooling_watts)
            self.busy.append(self._busy)
            self.on.append(self._on)

    def _record(self) -> None:
        """Note the power and the nodes from now on."""
        self.watts[-1], self.busy[-1], self.on[-1] = self.nodes.total_watts, self._busy, self._on
        self.cooling[-1] = self.nodes.cooling_watts

    def _control(self) -> None:
        """Switch nodes and move pods if it is time."""
        now = self.nodes.now
        if self._standby is not None and now >= self._standby.next_at:
            self._switch(self._standby)
        if self._moves is not None and now >= self._moves.next_at:
            self._move(self._moves)

    def _switch(self, standby: SimulatedStandby) -> None:
        """Switch nodes, and place the pods that wait on those that came on."""
        ready = standby.act([self._request[pod] for pod in self._waiting])
        self._on = standby.on
        self._record()
        for node in ready:
            self._place_waiting(node)

    def _move(self, moves: SimulatedMoves) -> None:
        """Move pods to where the policy places them while their old nodes receive none."""
        running = np.array([pod for _, pod in self._running], dtype=np.int64)
        plan = moves.plan(running, self.node[running], self._since[running])
        draining: BoolArray = np.zeros(len(self.nodes), dtype=np.bool_)
        draining[[move.source for move in plan.moves]] = True
        for move in plan.moves:
            pod = int(running[move.pod])
            node = self._choose(pod, self.nodes.fits(self._request[pod]) & ~draining)
            if node is not None:
                self._leave(pod)
                self._put(pod, node)
                moves.moved += 1
        self._record()
        for node in np.flatnonzero(draining).tolist():
            self._place_waiting(node)

    def _arrive(self, pod: int) -> None:
        if self._on_node is not None and self._on_node[pod] >= 0:
            self._start(pod, self._on_node[pod])
        elif not self._place(pod):
            self._waiting.append(pod)
            if self._standby is not None:
                self._standby.found_no_room()

    def _end(self, pod: int) -> None:
        node = int(self.node[pod])
        self._leave(pod)
        self._record()
        self._place_waiting(node)

    def _place_waiting(self, node: int) -> None:
        """Place the pods that wait and now fit on a node, in the order of their arrival."""
        if self._waiting:
            placed = {
                waiting
                for waiting in self._waiting
                if self.nodes.has_room(node, self._request[waiting]) and self._place(waiting)
            }
            self._waiting = [waiting for waiting in self._waiting if waiting not in placed]

    def _place(self, pod: int) -> bool:
        """Start a pod on the node of the lowest cost; return whether it fits on any."""
        node = self._choose(pod, self.nodes.fits(self._request[pod]))
        if node is None:
            return False
        self._start(pod, node)
        return True

    def _start(self, pod: int, node: int) -> None:
        """Start a pod on a node."""
        self._put(pod, node)
        now = self.nodes.now
        self.waited[pod] = now - self._arrival[pod]
        self._record()
        heapq.heappush(self._running, (now + self._duration[pod], pod))

    def _choose(self, pod: int, fits: BoolArray) -> int | None:
        """Return the node of the lowest cost among those on which a pod fits, None if there is none."""
        if not fits.any():
            return None
        costs = self._policy.costs(self.nodes, self._request[pod])
        node = least(np.where(fits, costs, np.inf), self.nodes.used)
        if node is None:  # the request fits, but the use exceeds what the policy accepts: the least loaded takes it
            node = int(np.argmin(np.where(fits, self.nodes.load, np.inf)))
        return node

    def _put(self, pod: int, node: int) -> None:
        """Put a pod on a node."""
        self.nodes.add(node, self._request[pod], self._use[pod])
        self.node[pod], self._since[pod] = node, self.nodes.now
        self._busy += self._pods[node] == 0
        self._pods[node] += 1
        if self._standby is not None:
            self._standby.pod_came(node, self._request[pod])

    def _leave(self, pod: int) -> None:
        """Take a pod off its node."""
        node = int(self.node[pod])
        self.nodes.add(node, -self._request[pod], -self._use[pod])
        self._pods[node] -= 1
        if not self._pods[node]:
            self._busy -= 1
            if self._standby is not None:
                self._standby.emptied(node)
