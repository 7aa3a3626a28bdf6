"""A fleet over time: pods arrive, run and end, and a policy chooses their nodes. Pure.

The simulation goes from event to event. Power is constant between two events as long as loads and curves are, so the
energy is exact, not sampled.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence

import numpy as np

from wao_predict.arrays import FloatArray, IntArray
from wao_predict.cooling.groups import Cooling
from wao_predict.errors import UsageError
from wao_predict.fleet import Fleet
from wao_predict.increase import least
from wao_predict.load_floor import WINDOW
from wao_predict.simulate.nodes import SimulatedNodes
from wao_predict.simulate.policies import Policy, policy_of
from wao_predict.simulate.run import Conditions, Run
from wao_predict.simulate.standby import SimulatedStandby, Standby
from wao_predict.simulate.trace import Trace

PROGRESS_EVERY = 1000
"""Arrivals between two reports of progress."""


def simulate_trace(
    fleet: Fleet,
    trace: Trace,
    policy: str = "floor",
    *,
    seed: int = 0,
    floor_window: float = WINDOW,
    standby: Standby | None = None,
    conditions: Sequence[Conditions] = (),
    cooling: Cooling | None = None,
    progress: Callable[[int], None] | None = None,
) -> Run:
    """Return what a fleet uses while pods come and go, with their nodes chosen by a policy.

    Parameters
    ----------
    fleet
        The nodes. Their present CPU use is a base load that stays.
    trace
        The pods.
    policy
        Name of a policy, see `wao_predict.simulate.policies.POLICIES`.
    seed
        Seed of the policy's random choices.
    floor_window
        Time over which a node's floor is its lowest load [s].
    standby
        How empty nodes are switched off; default: all nodes stay on.
    conditions
        Later power curves, and states of the plants.
    cooling
        The plants that cool the nodes; their power counts, and our rules minimize servers and cooling together.
    progress
        Called now and then with the number of pods that arrived since the last call.

    Raises
    ------
    UsageError
        The policy is unknown, or the curves of `conditions` are not those of the fleet's nodes.

    Notes
    -----
    A pod that fits on no node waits. Each time a pod ends, the pods that wait and now fit are placed in the order of
    their arrival.

    Examples
    --------
    >>> from wao_predict.curves import PowerCurves
    >>> curves = PowerCurves(np.array([0.0, 100.0]), np.array([[100.0, 200.0]]))
    >>> fleet = Fleet(("a",), curves, np.array([10.0]), np.array([0.0]))
    >>> trace = Trace.of(arrival=[0.0, 0.0], duration=[1800.0, 1800.0], request=[10.0, 10.0])
    >>> run = simulate_trace(fleet, trace, "lookahead")
    >>> run.waited.tolist(), round(run.kwh, 3)
    ([0.0, 1800.0], 0.1)
    """
    for later in conditions:
        if len(later.curves) != len(fleet.names):
            raise UsageError(f"{len(later.curves)} curves at {later.at:g} s for {len(fleet.names)} nodes")
    nodes = SimulatedNodes(fleet, floor_window=floor_window, cooling=cooling)
    chosen = policy_of(policy)(nodes, np.random.default_rng(seed))
    switching = None if standby is None else SimulatedStandby(nodes, standby, np.random.default_rng([seed, 1]))
    run = _Simulation(nodes, trace, chosen, switching)
    run.play(sorted(conditions, key=lambda item: item.at), progress or (lambda pods: None))
    return Run(
        policy,
        seed,
        trace.horizon,
        np.array(run.times),
        np.array(run.watts),
        np.array(run.busy),
        np.array(run.on),
        run.node,
        np.where(run.node < 0, trace.horizon - trace.arrival, run.waited),
        starts=0 if switching is None else switching.starts,
        failed_starts=0 if switching is None else switching.failed,
        cooling=np.array(run.cooling),
    )


class _Simulation:
    """The events of one simulation."""

    def __init__(self, nodes: SimulatedNodes, trace: Trace, policy: Policy, standby: SimulatedStandby | None) -> None:
        self.nodes, self._policy, self._standby = nodes, policy, standby
        self._arrival, self._duration = trace.arrival.tolist(), trace.duration.tolist()
        self._request, self._use = trace.request.tolist(), trace.use.tolist()
        self._horizon = trace.horizon
        self.node: IntArray = np.full(len(trace), -1, dtype=np.int64)
        self.waited: FloatArray = np.zeros(len(trace))
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
        """Process ends of pods, switches of nodes and changes of curves until a time."""
        while True:
            end = self._running[0][0] if self._running else np.inf
            change = changes[-1].at if changes else np.inf
            switch = np.inf if self._standby is None else self._standby.next_at
            first = min(end, change, switch)
            if first > at or first >= self._horizon:
                return
            if switch < min(end, change):
                self._advance(switch)
                self._switch()
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

    def _switch(self) -> None:
        """Switch nodes, and place the pods that wait on those that came on."""
        assert self._standby is not None
        ready = self._standby.act([self._request[pod] for pod in self._waiting])
        self._on = self._standby.on
        self._record()
        for node in ready:
            self._place_waiting(node)

    def _arrive(self, pod: int) -> None:
        if not self._place(pod):
            self._waiting.append(pod)
            if self._standby is not None:
                self._standby.found_no_room()

    def _end(self, pod: int) -> None:
        node = int(self.node[pod])
        self.nodes.add(node, -self._request[pod], -self._use[pod])
        self._pods[node] -= 1
        if not self._pods[node]:
            self._busy -= 1
            if self._standby is not None:
                self._standby.emptied(node)
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
        """Place a pod on the node of the lowest cost; return whether it fits on any."""
        request, use = self._request[pod], self._use[pod]
        fits = self.nodes.fits(request)
        if not fits.any():
            return False
        costs = self._policy.costs(self.nodes, request)
        node = least(np.where(fits, costs, np.inf), self.nodes.used)
        if node is None:  # the request fits, but the use exceeds what the policy accepts: the least loaded takes it
            node = int(np.argmin(np.where(fits, self.nodes.load, np.inf)))
        self.nodes.add(node, request, use)
        self.node[pod] = node
        now = self.nodes.now
        self.waited[pod] = now - self._arrival[pod]
        self._busy += self._pods[node] == 0
        self._pods[node] += 1
        if self._standby is not None:
            self._standby.pod_came(node, request)
        self._record()
        heapq.heappush(self._running, (now + self._duration[pod], pod))
        return True
