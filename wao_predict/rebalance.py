"""Plans which pods to move so that a fleet uses less power. Pure.

Pods end in any order, so a fleet that was packed well fragments: nodes keep running for a few pods that would cost less
elsewhere. Power curves are often concave, and then most of the power is saved when the last pod leaves. A plan
therefore drains whole nodes by default, those first that save the most power per move.

Nothing here knows Kubernetes: the controller `wao rebalance` and the simulator call the same function.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from wao_predict.arrays import BoolArray, FloatArray, IntArray
from wao_predict.curves import PowerCurves
from wao_predict.errors import UsageError
from wao_predict.increase import FIT_TOLERANCE, Rule, least
from wao_predict.increase_cache import IncreaseCache

SMALLEST = 0.01
"""CPU for which the place of a pod without a CPU request is chosen [cores]."""
MOST_FAILED = 64
"""Unsuccessful drains after which a plan ends, so that a plan of a large fleet takes bounded time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """Limits of one plan.

    Parameters
    ----------
    moves
        Most pods that are moved.
    moves_per_node
        Most pods that are moved away from one node; default: no limit of its own.
    moves_per_workload
        Most pods of one workload that are moved; default: no limit of its own.
    minimum_saving
        Power that emptying a node must save [W], at least 0.
    minimum_age
        Time that a pod must have been on its node [s].
    whole_nodes
        Whether only nodes are drained of which all pods can be moved. Otherwise movable pods also leave nodes on which
        others stay, which saves little on concave curves.

    Raises
    ------
    UsageError
        A limit is negative or not a number.
    """

    moves: int = 10
    moves_per_node: int | None = None
    moves_per_workload: int | None = None
    minimum_saving: float = 5.0
    minimum_age: float = 600.0
    whole_nodes: bool = True

    def __post_init__(self) -> None:
        for name in ("moves", "moves_per_node", "moves_per_workload", "minimum_saving", "minimum_age"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise UsageError(f"{name} is {value}: give a number from 0")


@dataclass(frozen=True, eq=False, kw_only=True)
class RebalanceNodes:
    """The nodes of a plan. Arrays have shape (n_nodes,).

    Parameters
    ----------
    curves
        Power curve of each node; nodes without one neither give nor receive pods.
    capacity
        CPU that a node has for pods [cores]; the unit in which curves measure load is `size`.
    requested, used
        CPU requests of all pods and CPU use of each node [cores]; NaN unknown, as with an unknown curve.
    size
        CPU that is a load of 100 % [cores]; default: `capacity`.
    floor
        Part of the use that stays [cores], for the rule "floor"; default: all of it.
    receives
        Whether a node may receive pods; default: all of them.
    gives
        Whether pods may be moved away from a node; default: all of them.
    room
        Free amount of each further resource, such as memory, shape (n_nodes, n_resources); default: no others.
    """

    curves: PowerCurves
    capacity: FloatArray
    requested: FloatArray
    used: FloatArray
    size: FloatArray | None = None
    floor: FloatArray | None = None
    receives: BoolArray | None = None
    gives: BoolArray | None = None
    room: FloatArray | None = None

    def __post_init__(self) -> None:
        for name in ("capacity", "requested", "used", "size", "floor", "receives", "gives", "room"):
            value = getattr(self, name)
            if value is not None and len(value) != len(self.curves):
                raise UsageError(f"{len(value)} values of {name} for {len(self.curves)} nodes: give one for each")

    def __len__(self) -> int:
        return len(self.curves)


@dataclass(frozen=True, eq=False, kw_only=True)
class RebalancePods:
    """The pods of a plan. Arrays have shape (n_pods,).

    Pods that belong to a node, such as those of a DaemonSet, are left out: their CPU is in `requested` and `used` of
    the node, and they do not keep it from being empty.

    Parameters
    ----------
    node
        Row of each pod's node.
    request, use
        CPU request and CPU use of each pod [cores].
    movable
        Whether a pod may be moved. One that may not keeps its node from being drained as a whole.
    age
        Time since a pod came to its node [s].
    workload
        Number of each pod's workload, -1 for none.
    group
        Row of `allowed` for each pod; default: all nodes are allowed.
    allowed
        Whether pods of a group may be on a node, shape (n_groups, n_nodes).
    needs
        Amount of each further resource that a pod needs, shape (n_pods, n_resources).
    """

    node: IntArray
    request: FloatArray
    use: FloatArray
    movable: BoolArray
    age: FloatArray
    workload: IntArray
    group: IntArray | None = None
    allowed: BoolArray | None = None
    needs: FloatArray | None = None

    def __post_init__(self) -> None:
        for name in ("request", "use", "movable", "age", "workload", "group", "needs"):
            value = getattr(self, name)
            if value is not None and len(value) != len(self.node):
                raise UsageError(f"{len(value)} values of {name} for {len(self.node)} pods: give one for each")
        if (self.group is None) != (self.allowed is None):
            raise UsageError("group and allowed: give both or neither")

    def __len__(self) -> int:
        return len(self.node)


@dataclass(frozen=True, slots=True)
class Move:
    """One pod that is to leave its node.

    Attributes
    ----------
    pod
        Row of the pod.
    source, target
        Rows of its node and of the node on which the increase rule would place it.
    saved
        Its share of the power that the drain of its node saves [W], by CPU use.
    """

    pod: int
    source: int
    target: int
    saved: float


@dataclass(frozen=True, slots=True, eq=False)
class RebalancePlan:
    """Moves in the order in which they are to be made: all of one node, then all of the next.

    Attributes
    ----------
    moves
        The moves.
    watts_before, watts_after
        Power of the nodes with known curves before and after all moves [W].
    """

    moves: tuple[Move, ...] = ()
    watts_before: float = 0.0
    watts_after: float = 0.0

    @property
    def saved(self) -> float:
        """Power that the plan saves [W], the sum of its moves."""
        return sum(move.saved for move in self.moves)

    def drains(self) -> Iterator[tuple[int, tuple[Move, ...]]]:
        """Yield the row of each node that gives pods, with its moves."""
        by_source: dict[int, list[Move]] = {}
        for move in self.moves:
            by_source.setdefault(move.source, []).append(move)
        for source, moves in by_source.items():
            yield source, tuple(moves)


def plan_moves(
    nodes: RebalanceNodes, pods: RebalancePods, budgets: Budgets | None = None, *, rule: Rule = "floor"
) -> RebalancePlan:
    """Return the moves that save the most power within the budgets.

    Parameters
    ----------
    nodes, pods
        The fleet as it is.
    budgets
        Limits of the plan; default: `Budgets()`.
    rule
        Increase rule of the scheduler, which decides where a pod goes that leaves its node.

    Returns
    -------
    A plan in which each drain saves at least `minimum_saving`, and each pod costs less on its new node than on its old
    one. The same input gives the same plan.

    Notes
    -----
    The power that a pod saves on its old node is its share of what the drain saves there, and the power that it adds on
    its new node is its share of what all pods of the drain add there. On a concave curve the first pod that leaves a
    node saves almost nothing and the last one nearly everything, so a single pod has no power of its own.

    A node gives or receives pods in one plan, not both. Nodes are tried by an upper bound of their saving per move.

    Examples
    --------
    >>> curves = PowerCurves(np.array([0.0, 10.0, 100.0]), np.array([[100.0, 150.0, 160.0], [100.0, 150.0, 160.0]]))
    >>> nodes = RebalanceNodes(
    ...     curves=curves, capacity=np.full(2, 10.0), requested=np.array([1.0, 5.0]), used=np.array([1.0, 5.0])
    ... )
    >>> pods = RebalancePods(
    ...     node=np.array([0]), request=np.array([1.0]), use=np.array([1.0]), movable=np.array([True]),
    ...     age=np.array([3600.0]), workload=np.array([0]),
    ... )
    >>> for move in plan_moves(nodes, pods).moves:
    ...     print(f"pod {move.pod} from node {move.source} to node {move.target} saves {move.saved:.1f} W")
    pod 0 from node 0 to node 1 saves 48.9 W
    """
    return _Planner(nodes, pods, budgets or Budgets(), rule).plan()


@dataclass(slots=True, eq=False)
class _State:
    """Where the pods are after the moves so far."""

    requested: FloatArray
    used: FloatArray
    room: FloatArray | None
    receives: BoolArray

    def copy(self) -> _State:
        room = None if self.room is None else self.room.copy()
        return _State(self.requested.copy(), self.used.copy(), room, self.receives.copy())


@dataclass(slots=True)
class _Spent:
    """What the moves so far used of the budgets."""

    moves: int = 0
    by_workload: dict[int, int] = field(default_factory=dict)


class _Planner:
    """The state of one call of `plan_moves`."""

    def __init__(self, nodes: RebalanceNodes, pods: RebalancePods, budgets: Budgets, rule: Rule) -> None:
        self._nodes, self._pods, self._budgets, self._rule = nodes, pods, budgets, rule
        size = nodes.capacity if nodes.size is None else nodes.size
        with np.errstate(divide="ignore", invalid="ignore"):
            self._percent: FloatArray = 100.0 / size
            known = nodes.curves.known if len(nodes) else np.zeros(0, dtype=np.bool_)
            self._known: BoolArray = known & np.isfinite(self._percent) & np.isfinite(nodes.used)
            self._known &= np.isfinite(nodes.requested) & np.isfinite(nodes.capacity)
        self._fits_below = nodes.capacity * (1 + FIT_TOLERANCE) + FIT_TOLERANCE
        self._floor = None if nodes.floor is None else np.fmin(nodes.floor, nodes.used) * self._percent
        self._cache = IncreaseCache(nodes.curves, self._percent)
        receives = self._known if nodes.receives is None else self._known & nodes.receives
        room = None if nodes.room is None else nodes.room.astype(np.float64)
        self._state = _State(nodes.requested.astype(np.float64), nodes.used.astype(np.float64), room, receives.copy())
        self._spent = _Spent()

    def plan(self) -> RebalancePlan:
        """Return the plan."""
        moves: list[Move] = []
        failed = 0
        received: set[int] = set()
        for source in self._sources():
            if self._spent.moves >= self._budgets.moves or failed >= MOST_FAILED:
                break
            if source in received:
                continue
            leaving = self._leaving(source)
            drain = self._drain(source, leaving) if leaving else None
            if drain is None:
                failed += bool(leaving)
                continue
            moves += drain
            received |= {move.target for move in drain}
        rows = np.flatnonzero(self._known)
        before, after = (float(self._watts(rows, used[rows]).sum()) for used in (self._nodes.used, self._state.used))
        return RebalancePlan(tuple(moves), before, after)

    def _sources(self) -> list[int]:
        """Return the nodes that could give pods, the largest upper bound of the saving per move first."""
        nodes, pods = self._nodes, self._pods
        ready = pods.movable & (pods.age >= self._budgets.minimum_age)
        count = np.bincount(pods.node[ready], minlength=len(nodes))
        gone = np.bincount(pods.node[ready], weights=pods.use[ready], minlength=len(nodes))
        usable = self._known & (count > 0)
        if nodes.gives is not None:
            usable &= nodes.gives
        if self._budgets.whole_nodes:
            usable &= np.bincount(pods.node[~ready], minlength=len(nodes)) == 0
        rows = np.flatnonzero(usable)
        if rows.size == 0 or not self._state.receives.any():
            return []
        saved = self._watts(rows, nodes.used[rows]) - self._watts(rows, np.maximum(nodes.used[rows] - gone[rows], 0.0))
        bound = (saved - self._cheapest() * gone[rows]) / count[rows]
        likely = (saved >= self._budgets.minimum_saving) & (bound > 0)
        order = np.lexsort((rows[likely], -bound[likely]))
        return [int(row) for row in rows[likely][order]]

    def _cheapest(self) -> float:
        """Return the lowest increase between two knots of any node that receives pods [W per core]."""
        rows = np.flatnonzero(self._state.receives)
        curves = self._nodes.curves
        slopes = np.diff(curves.watts[rows], axis=1) / np.diff(curves.knots)
        return float((slopes.min(axis=1) * self._percent[rows]).min())

    def _leaving(self, source: int) -> list[int]:
        """Return the pods that leave a node, the largest first; none if the budgets do not allow its drain."""
        pods, budgets = self._pods, self._budgets
        here = np.flatnonzero((pods.node == source) & pods.movable & (pods.age >= budgets.minimum_age))
        order = np.lexsort((here, -pods.use[here], -pods.request[here]))
        limits = [budgets.moves - self._spent.moves]
        limits += [] if budgets.moves_per_node is None else [budgets.moves_per_node]
        chosen: list[int] = []
        counts = dict(self._spent.by_workload)
        for pod in here[order].tolist():
            workload = int(pods.workload[pod])
            most = budgets.moves_per_workload if workload >= 0 else None
            if len(chosen) < min(limits) and (most is None or counts.get(workload, 0) < most):
                counts[workload] = counts.get(workload, 0) + 1
                chosen.append(pod)
            elif budgets.whole_nodes:
                return []
        return chosen

    def _drain(self, source: int, leaving: list[int]) -> list[Move] | None:
        """Place the pods of a node elsewhere; return the moves, or None, without a change, if that saves too little."""
        trial = self._state.copy()
        trial.receives[source] = False
        targets = []
        for pod in leaving:
            target = self._place(pod, trial)
            if target is None:
                return None
            self._move(pod, source, target, trial)
            targets.append(target)
        shares = self._shares(source, np.array(leaving), np.array(targets), trial)
        if shares is None:
            return None
        self._state = trial
        self._spent.moves += len(leaving)
        for pod in leaving:
            workload = int(self._pods.workload[pod])
            self._spent.by_workload[workload] = self._spent.by_workload.get(workload, 0) + 1
        return [Move(*move) for move in zip(leaving, [source] * len(leaving), targets, shares.tolist(), strict=True)]

    def _place(self, pod: int, state: _State) -> int | None:
        """Return the node that the increase rule chooses, None if the pod fits on none."""
        pods = self._pods
        request = float(pods.request[pod])
        fits = state.receives & (state.requested + request <= self._fits_below)
        if pods.allowed is not None and pods.group is not None:
            fits &= pods.allowed[pods.group[pod]]
        if state.room is not None and pods.needs is not None:
            fits &= (state.room >= pods.needs[pod]).all(axis=1)
        if not fits.any():
            return None
        load = state.used * self._percent
        floor = load if self._floor is None else self._floor
        increase = self._cache.of(load, max(request, SMALLEST), self._rule, floor=floor)
        return least(np.where(fits, increase, np.inf), load)

    def _move(self, pod: int, source: int, target: int, state: _State) -> None:
        pods = self._pods
        for node, sign in ((source, -1.0), (target, 1.0)):
            state.requested[node] += sign * float(pods.request[pod])
            state.used[node] = max(float(state.used[node]) + sign * float(pods.use[pod]), 0.0)
            if state.room is not None and pods.needs is not None:
                state.room[node] -= sign * pods.needs[pod]

    def _shares(self, source: int, leaving: IntArray, targets: IntArray, after: _State) -> FloatArray | None:
        """Return the power that each move saves [W], or None if one saves nothing or all together too little."""
        use = self._pods.use[leaving]
        total = float(use.sum())
        if not total > 0:
            return None
        rows = np.concatenate([[source], np.unique(targets)])
        change = self._watts(rows, self._state.used[rows]) - self._watts(rows, after.used[rows])
        placed = np.bincount(targets, weights=use, minlength=len(self._nodes))
        per_core = np.zeros(len(self._nodes))
        with np.errstate(divide="ignore", invalid="ignore"):
            per_core[rows[1:]] = np.where(placed[rows[1:]] > 0, change[1:] / placed[rows[1:]], 0.0)
        shares: FloatArray = use * (change[0] / total + per_core[targets])
        cheaper = (shares > 0) | (use <= 0)
        saved = float(change.sum())
        if not cheaper.all() or saved <= 0 or saved < self._budgets.minimum_saving:
            return None
        return shares

    def _watts(self, rows: IntArray, used: FloatArray) -> FloatArray:
        return self._nodes.curves.at(used * self._percent[rows], rows=rows)
