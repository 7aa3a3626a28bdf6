"""A fleet over time: pods arrive, run and end, and a policy chooses their nodes. Pure.

The simulation goes from event to event. Power is constant between two events as long as loads and curves are, so the
energy is exact, not sampled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from wao_predict.cooling.groups import Cooling
from wao_predict.errors import UsageError
from wao_predict.fleet import Fleet
from wao_predict.load_floor import WINDOW
from wao_predict.simulate.events import Simulation
from wao_predict.simulate.moves import Moving, SimulatedMoves
from wao_predict.simulate.nodes import SimulatedNodes
from wao_predict.simulate.policies import ByRule, policy_of
from wao_predict.simulate.run import Conditions, Run
from wao_predict.simulate.standby import SimulatedStandby, Standby
from wao_predict.simulate.trace import Trace


def simulate_trace(
    fleet: Fleet,
    trace: Trace,
    policy: str = "floor",
    *,
    seed: int = 0,
    floor_window: float = WINDOW,
    standby: Standby | None = None,
    moving: Moving | None = None,
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
    moving
        How pods are moved; default: they stay where they are. A pod that leaves its node goes where the policy places
        it, as after an eviction, and goes on running. Plans follow the policy's rule, or else `floor`.
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
    rule = chosen.rule if isinstance(chosen, ByRule) else "floor"
    moves = None if moving is None else SimulatedMoves(nodes, trace, moving, rule)
    run = Simulation(nodes, trace, chosen, switching, moves)
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
        moves=0 if moves is None else moves.moved,
        cooling=np.array(run.cooling),
    )
