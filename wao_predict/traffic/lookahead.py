"""The `lookahead` rule: assign the present load of all Services to the nodes where it costs least. Pure.

Power curves of real servers are often concave: one more request is expensive on an idle server and nearly free on a
busy one. So the load is not spread by the watts of one request, but consolidated on few nodes up to a ceiling: the
nodes in the order of the average power increase of all the load that they could take, each filled before the next.

All Services are assigned together, to nodes without the present load of these Services. The result therefore does not
depend on the present split of the traffic, and two Services do not count on the same free capacity: they cannot make
each other oscillate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from wao_predict.arrays import BoolArray, FloatArray, IntArray
from wao_predict.traffic.estimates import Estimates
from wao_predict.traffic.limits import Limits, with_floor
from wao_predict.traffic.places import Places, per_node
from wao_predict.traffic.pools import Nodes, Pools
from wao_predict.traffic.reasons import LOOKAHEAD, Note, Reason
from wao_predict.traffic.segments import ranks
from wao_predict.traffic.state import PreviousPlan, Split

STICKINESS = 0.05
"""Relative cost advantage another node must offer before load moves, so that near-equal nodes do not swap on noise."""
MIN_SAVING = 0.01
"""Minimum relative saving before a pool's load is consolidated; half of it keeps it consolidated (hysteresis)."""
TINY = 1e-9


@dataclass(frozen=True, eq=False)
class _Problem:
    """Load to assign, and free capacity: of each endpoint's pod, of the pods of each place, and of each node [cores].

    `saturated` are the pools whose demand may exceed their load.
    """

    pools: Pools
    background: FloatArray
    saturated: BoolArray
    pod_free: FloatArray
    place_free: FloatArray
    node_free: FloatArray

    @property
    def nodes(self) -> Nodes:
        """The nodes of the endpoints."""
        return self.pools.nodes

    @cached_property
    def load(self) -> FloatArray:
        """The load of each endpoint's pool [cores]."""
        return self.pools.load[self.pools.parts.of]

    def used(self, shares: FloatArray) -> FloatArray:
        """Return the load that shares assign to each node [cores]."""
        return self.pools.places.per_node(self.pools.places.sum(shares * self.load), len(self.nodes))


def consolidate(estimates: Estimates, limits: Limits, previous: PreviousPlan) -> Split:
    """Return the shares that minimise the power of all pools' load.

    Parameters
    ----------
    estimates
        Every pool must have load and limits, and an endpoint that can be weighed. Endpoints that cannot be weighed keep
        an equal share, or get none at their limit.
    previous
        `even` in the order of these pools.
    """
    pools, saturated, note = estimates.pools, estimates.saturated, estimates.note.copy()
    weighed, shares = ~estimates.neutral & ~estimates.at_limit, _fixed(estimates, limits)
    free = 1.0 - pools.parts.sum(shares)
    rest = replace(pools, cpu_limit=_bounded(estimates, limits), expected=free * pools.load).only(weighed)
    problem = _problem(rest, limits, saturated, previous.background)
    taken, left = _fill(problem, _cost(problem, previous.planned))
    fits = left <= TINY
    cores = rest.places.spread(problem.pod_free, taken)
    amounts = np.where(saturated[rest.parts.of], _by_free_capacity(problem, taken), _split_by(problem, cores, left))
    made = with_floor(rest, amounts, limits.floor)
    even, made = _even_where_saving_is_small(problem, made, fits & ~saturated, _min_saving(rest, previous.even))
    even, made = _all_even_where_cheaper(problem, made, even)
    full = made * problem.load >= problem.pod_free - TINY
    full |= (problem.used(made) >= problem.node_free - TINY)[rest.node]
    shares[weighed] = made * free[pools.parts.of][weighed]
    note[weighed] = np.where(full & (cores > TINY) & ~estimates.guessed[weighed], Note.CEILING, note[weighed])
    reason = np.where(fits, np.where(even, Reason.EVEN, Reason.NONE), Reason.ALL_FULL)
    return Split(
        shares=shares,
        note=note,
        rule=np.full(len(pools), LOOKAHEAD, np.int8),
        reason=np.where(saturated, Reason.SATURATED, reason).astype(np.int8),
    )


def _fixed(estimates: Estimates, limits: Limits) -> FloatArray:
    """Return the shares of the endpoints whose node is unknown: an equal share, if the pod has room for it."""
    pools, parts = estimates.pools, estimates.pools.parts
    room = limits.pod_cores(pools) / pools.load[parts.of]
    return np.where(estimates.neutral, np.minimum((1.0 / parts.counts)[parts.of], room), 0.0)


def _bounded(estimates: Estimates, limits: Limits) -> FloatArray:
    """Return the endpoints' CPU limits, those that are guessed bounded to an equal share of the load [cores]."""
    pools, parts = estimates.pools, estimates.pools.parts
    equal = (pools.load / parts.counts)[parts.of] * 100.0 / limits.pod_ceiling
    return np.where(estimates.guessed, np.minimum(pools.cpu_limit, equal), pools.cpu_limit)


def _problem(pools: Pools, limits: Limits, saturated: BoolArray, background: FloatArray | None) -> _Problem:
    base = pools.background() if background is None else np.where(np.isnan(background), pools.background(), background)
    pod, ceiling = limits.pod_cores(pools), np.nan_to_num(limits.node_cores(pools.nodes))
    return _Problem(
        pools=pools,
        background=base,
        saturated=saturated,
        pod_free=pod,
        place_free=pools.places.sum(pod),
        node_free=np.maximum(ceiling - np.nan_to_num(base), 0.0),
    )


def _min_saving(pools: Pools, even: BoolArray | None) -> FloatArray:
    before = np.zeros(len(pools), dtype=np.bool_) if even is None else even
    return np.where(before, MIN_SAVING, MIN_SAVING / 2.0)


def _cost(problem: _Problem, planned: FloatArray | None) -> FloatArray:
    """Return the average watts per core of the load that each node could take, +inf for a node without capacity."""
    pools, nodes, background = problem.pools, problem.nodes, problem.background
    places = pools.places
    wanted = places.per_node(np.minimum(problem.place_free, pools.load[places.parts.of]), len(nodes))
    share = np.minimum(problem.node_free, wanted)
    with np.errstate(invalid="ignore", divide="ignore"):
        cost = (nodes.watts(background + share) - nodes.watts(background)) / share
        if planned is not None:
            cost *= 1.0 - STICKINESS * np.clip(planned / share, 0.0, 1.0)
    return np.where((share > TINY) & np.isfinite(cost), cost, np.inf)


def _fill(problem: _Problem, cost: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the load that each place takes, and the load of each pool that does not fit [cores].

    In round k every pool uses its k-th best node. Pools that meet on a node share its capacity in proportion to their
    demand.
    """
    pools, places = problem.pools, problem.pools.places
    left, free = pools.load.copy(), problem.node_free.copy()
    ranked = places.parts.sorted_by(ranks(cost)[places.node])
    taken = np.zeros(len(places))
    for rank in range(int(places.parts.counts.max(initial=0))):
        active = np.flatnonzero((left > TINY) & (places.parts.counts > rank))
        if active.size == 0:
            break
        rows = ranked[places.parts.start[active] + rank]
        node = places.node[rows]
        granted = _granted(np.minimum(problem.place_free[rows], left[active]), node, free)
        taken[rows] = granted
        left[active] -= granted
        np.subtract.at(free, node, granted)
    return taken, left


def _granted(demand: FloatArray, node: IntArray, free: FloatArray) -> FloatArray:
    total = per_node(node, demand, len(free))
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(total > free, free / total, 1.0)
    return demand * np.maximum(part, 0.0)[node]


def _split_by(problem: _Problem, cores: FloatArray, left: FloatArray) -> FloatArray:
    """Return the amounts by which each pool is split: the assigned load, or the pods' limits if none was assigned.

    Load beyond all ceilings is split like the load below them.
    """
    none = (left >= problem.pools.load - TINY)[problem.pools.parts.of]
    return np.where(none, np.maximum(problem.pod_free, TINY), cores)


def _by_free_capacity(problem: _Problem, taken: FloatArray) -> FloatArray:
    """Return the amounts by which saturated pools are split: what the other pools leave, divided among them."""
    places, saturated = problem.pools.places, problem.saturated
    if not saturated.any():
        return np.zeros(len(problem.pod_free))
    others = places.per_node(np.where(saturated[places.parts.of], 0.0, taken), len(problem.nodes))
    demand = np.where(saturated[places.parts.of], problem.place_free, 0.0)
    granted = _granted(demand, places.node, np.maximum(problem.node_free - others, 0.0))
    return np.maximum(places.spread(problem.pod_free, granted), TINY)


def _even_where_saving_is_small(
    problem: _Problem, shares: FloatArray, fits: BoolArray, min_saving: FloatArray
) -> tuple[BoolArray, FloatArray]:
    """Replace shares by equal ones within the ceilings where consolidating saves less than `min_saving`.

    Returns the pools with equal shares, and all shares.
    """
    pools, places, background = problem.pools, problem.pools.places, problem.background
    own = places.sum(shares * problem.load)
    used = places.per_node(own, len(problem.nodes))
    others = used[places.node] - own
    free = np.maximum(problem.node_free[places.node] - others, 0.0)
    level = pools.parts.level(places.spread(problem.pod_free, np.minimum(problem.place_free, free)), pools.load)
    possible = fits & (pools.parts.sum(level) >= pools.load - TINY)
    after = background[places.node] + others + places.sum(level)
    present = problem.nodes.watts(background + used)[places.node]
    saved = places.parts.sum(_place_watts(problem.nodes, places, after) - present)
    cost = places.parts.sum(present - _place_watts(problem.nodes, places, background[places.node] + others))
    even = possible & (saved < np.maximum(min_saving * cost, 0.0) - TINY)
    if not even.any():
        return even, shares
    of = pools.parts.of
    mixed = np.where(even[of], level / np.maximum(pools.load, TINY)[of], shares)
    over = problem.used(mixed) > problem.node_free + TINY
    even &= ~places.parts.any(over[places.node] & even[places.parts.of])  # several moved to the same node
    return even, np.where(even[of], mixed, shares)


def _all_even_where_cheaper(problem: _Problem, shares: FloatArray, even: BoolArray) -> tuple[BoolArray, FloatArray]:
    """Give equal shares to Services that meet on nodes where this costs less for all of them together.

    So a plan never costs more than equal weights, where these are known to respect the ceilings.
    """
    pools, nodes, places = problem.pools, problem.nodes, problem.pools.places
    of = pools.parts.of
    equal = (1.0 / pools.parts.counts)[of]
    used, equal_used = problem.used(shares), problem.used(equal)
    watts = [np.nan_to_num(nodes.watts(problem.background + cores)) for cores in (used, equal_used)]
    group_of_node = np.zeros(len(nodes), dtype=np.int64)
    group_of_node[places.node] = places.groups[places.parts.of]
    costlier = per_node(group_of_node, watts[0] - watts[1], len(pools)) > TINY
    over = (equal * problem.load > problem.pod_free + TINY) | (equal_used > problem.node_free + TINY)[pools.node]
    excluded = pools.parts.any(over) | problem.saturated
    bound = per_node(places.groups, excluded.astype(np.float64), len(pools)) > 0.0
    chosen = (costlier & ~bound)[places.groups]
    return even | chosen, np.where(chosen[of], equal, shares)


def _place_watts(nodes: Nodes, places: Places, cores: FloatArray) -> FloatArray:
    return nodes.curves.at(100.0 * cores / nodes.capacity_cores[places.node], rows=places.node)
