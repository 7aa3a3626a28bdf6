"""The `lookahead` rule: lay every Service's present load on the nodes where it costs least. Pure.

Power curves of real servers are often concave: one more request on an idle server is dear, on a busy one nearly free.
So load is not spread by the watts of one request, but laid on few nodes up to a ceiling: nodes in the order of the
average increase of all the load they could take, each filled before the next is begun.

All Services are laid out together, on nodes without the Services' own present load. The result therefore does not
depend on how traffic is split now, and two Services do not both count on the same free room: they cannot chase each
other to and fro.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wao_predict.traffic.pools import Nodes, Places, Pools, per_node
from wao_predict.traffic.segments import BoolArray, FloatArray, IntArray, ranks

STICK = 0.05
"""How much dearer the nodes that carry the load already may be before it moves; equals must not swap on noise."""
PAYS = 0.01
"""What filling must save of the watts that a pool's load costs to be begun; half of it lets it go on."""
TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Limits:
    """What a rule must respect.

    Parameters
    ----------
    node_ceiling
        Load of a node that traffic is not driven beyond [% of capacity].
    pod_ceiling
        Load of an endpoint's own pod that it is not driven beyond [% of its CPU limit, else of its request].
    floor
        Share that every ready endpoint keeps [% of an equal share], so that all stay warm and none starves.
    """

    node_ceiling: float = 70.0
    pod_ceiling: float = 70.0
    floor: float = 2.0

    def node_cores(self, nodes: Nodes) -> FloatArray:
        """Return the CPU in use at each node's ceiling [cores], NaN where its CPU is unknown."""
        return nodes.capacity_cores * self.node_ceiling / 100.0

    def pod_cores(self, pools: Pools) -> FloatArray:
        """Return the CPU in use at the ceiling of each endpoint's pod [cores], NaN for one without a limit."""
        return pools.cpu_limit * self.pod_ceiling / 100.0


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where the load goes.

    Attributes
    ----------
    shares
        Share of its pool's load of each endpoint, summing to 1 in each pool.
    full
        Which endpoints are at a ceiling, the node's or their own.
    fits
        Which pools' load is within the ceilings, shape (n_pools,).
    even
        Which pools got equal shares under the ceilings because filling would save hardly anything, shape (n_pools,).
    """

    shares: FloatArray
    full: BoolArray
    fits: BoolArray
    even: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class _Rooms:
    """CPU that may be used: by each endpoint's pod, by the pods of each place, by all traffic on each node [cores]."""

    pod: FloatArray
    place: FloatArray
    node: FloatArray


def lay_out(
    pools: Pools,
    nodes: Nodes,
    background: FloatArray,
    limits: Limits,
    *,
    saturated: BoolArray | None = None,
    carried: FloatArray | None = None,
    even: BoolArray | None = None,
) -> Layout:
    """Return the shares that make all the pools' load cheapest.

    Parameters
    ----------
    pools
        Nodes, CPU and limits of all endpoints must be known, and every pool must have load.
    background
        CPU use of each node without these pools' load [cores].
    saturated
        Pools whose load is at least what is measured, as an endpoint could not take more; they are shared by room.
    carried
        Load that the last layout put on each node [cores]; see `STICK`.
    even
        Pools that the last layout gave equal shares; see `PAYS`.
    """
    rooms = _rooms(pools, nodes, background, limits)
    taken, left = _fill(pools, rooms, _cost(pools, nodes, background, rooms, carried))
    fits = left <= TINY
    cores = pools.places.spread(rooms.pod, taken)
    shares = floored(pools, _beyond(pools, cores, left, rooms), limits.floor)
    more = np.zeros(len(pools), dtype=np.bool_) if saturated is None else saturated
    if more.any():
        by_room = _by_room(pools, rooms, shares, more, len(nodes))
        shares = np.where(more[pools.parts.of], floored(pools, by_room, limits.floor), shares)
    pays = np.where(np.zeros(len(pools), dtype=np.bool_) if even is None else even, PAYS, PAYS / 2.0)
    even, shares = _even_where_filling_hardly_pays(
        pools, nodes, background, rooms, (shares, fits & ~more, pays, limits.floor)
    )
    even, shares = _all_even_where_cheaper(pools, nodes, background, rooms, (shares, even, more))
    used = pools.places.per_node(pools.places.sum(shares * pools.load[pools.parts.of]), len(nodes))
    full = (shares * pools.load[pools.parts.of] >= rooms.pod - TINY) | (used >= rooms.node - TINY)[pools.node]
    return Layout(shares, full & (cores > TINY), fits, even)


def floored(pools: Pools, amounts: FloatArray, floor: float) -> FloatArray:
    """Return shares in proportion to `amounts`, summing to 1 in each pool, each at least `floor` % of an equal one."""
    parts = pools.parts
    least = (floor / 100.0 / parts.counts)[parts.of]
    shares = amounts / parts.sum(amounts)[parts.of]
    low = np.zeros(len(shares), dtype=np.bool_)
    while True:
        found = ~low & (shares < least - 1e-15)
        if not found.any():
            return shares
        low |= found
        rest = 1.0 - parts.sum(np.where(low, least, 0.0))
        free = parts.sum(np.where(low, 0.0, amounts))
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = np.where(low, least, amounts * (rest / free)[parts.of])


def _rooms(pools: Pools, nodes: Nodes, background: FloatArray, limits: Limits) -> _Rooms:
    pod, ceiling = limits.pod_cores(pools), np.nan_to_num(limits.node_cores(nodes))
    return _Rooms(pod, pools.places.sum(pod), np.maximum(ceiling - np.nan_to_num(background), 0.0))


def _cost(pools: Pools, nodes: Nodes, background: FloatArray, rooms: _Rooms, carried: FloatArray | None) -> FloatArray:
    """Return the average watts per core of the load that each node could take, +inf for one without room."""
    places = pools.places
    wanted = places.per_node(np.minimum(rooms.place, pools.load[places.parts.of]), len(nodes))
    share = np.minimum(rooms.node, wanted)
    with np.errstate(invalid="ignore", divide="ignore"):
        cost = (nodes.watts(background + share) - nodes.watts(background)) / share
        if carried is not None:
            cost *= 1.0 - STICK * np.clip(carried / share, 0.0, 1.0)
    return np.where((share > TINY) & np.isfinite(cost), cost, np.inf)


def _fill(pools: Pools, rooms: _Rooms, cost: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return what each place takes and what of each pool does not fit [cores].

    In round k every pool turns to its k-th best node. Those that meet there share its room in proportion to what
    they ask for.
    """
    places, left, free = pools.places, pools.load.copy(), rooms.node.copy()
    ranked = places.parts.sorted_by(ranks(cost)[places.node])
    taken = np.zeros(len(places))
    for rank in range(int(places.parts.counts.max(initial=0))):
        active = np.flatnonzero((left > TINY) & (places.parts.counts > rank))
        if active.size == 0:
            break
        rows = ranked[places.parts.start[active] + rank]
        node = places.node[rows]
        granted = _granted(np.minimum(rooms.place[rows], left[active]), node, free)
        taken[rows] = granted
        left[active] -= granted
        np.subtract.at(free, node, granted)
    return taken, left


def _granted(asked: FloatArray, node: IntArray, free: FloatArray) -> FloatArray:
    total = per_node(node, asked, len(free))
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(total > free, free / total, 1.0)
    return asked * np.maximum(part, 0.0)[node]


def _beyond(pools: Pools, cores: FloatArray, left: FloatArray, rooms: _Rooms) -> FloatArray:
    """Return the amounts by which a pool's load is shared: what was laid out, else the pods' own room.

    Load beyond all ceilings follows what lies below them. Where there is no room at all, large pods get more.
    """
    none = (left >= pools.load - TINY)[pools.parts.of]
    return np.where(none, np.maximum(rooms.pod, TINY), cores)


def _by_room(pools: Pools, rooms: _Rooms, shares: FloatArray, chosen: BoolArray, nodes: int) -> FloatArray:
    """Return the amounts by which the chosen pools are shared: the room that the others leave, divided among them."""
    places = pools.places
    others = np.where(chosen[pools.parts.of], 0.0, shares * pools.load[pools.parts.of])
    free = np.maximum(rooms.node - places.per_node(places.sum(others), nodes), 0.0)
    asked = np.where(chosen[places.parts.of], rooms.place, 0.0)
    return np.maximum(places.spread(rooms.pod, _granted(asked, places.node, free)), TINY)


def _even_where_filling_hardly_pays(
    pools: Pools,
    nodes: Nodes,
    background: FloatArray,
    rooms: _Rooms,
    laid: tuple[FloatArray, BoolArray, FloatArray, float],
) -> tuple[BoolArray, FloatArray]:
    """Return which pools filling saves less for than it must, by equal shares under the ceilings, and all shares."""
    shares, fits, pays, floor = laid
    places, load = pools.places, pools.load[pools.parts.of]
    own = places.sum(shares * load)
    used = places.per_node(own, len(nodes))
    others = used[places.node] - own
    caps = places.spread(rooms.pod, np.minimum(rooms.place, np.maximum(rooms.node[places.node] - others, 0.0)))
    level = pools.parts.level(caps, pools.load)
    possible = fits & (pools.parts.sum(level) >= pools.load - TINY)
    after = background[places.node] + others + places.sum(level)
    present = nodes.watts(background + used)[places.node]
    lost = places.parts.sum(_place_watts(nodes, places, after) - present)
    cost = places.parts.sum(present - _place_watts(nodes, places, background[places.node] + others))
    even = possible & (lost < np.maximum(pays * cost, 0.0) - TINY)
    if not even.any():
        return even, shares
    mixed = np.where(even[pools.parts.of], floored(pools, np.where(even[pools.parts.of], level, shares), floor), shares)
    over = places.per_node(places.sum(mixed * load), len(nodes)) > rooms.node + TINY
    even &= ~places.parts.any(over[places.node] & even[places.parts.of])  # several moved to the same node
    return even, np.where(even[pools.parts.of], mixed, shares)


def _all_even_where_cheaper(
    pools: Pools, nodes: Nodes, background: FloatArray, rooms: _Rooms, laid: tuple[FloatArray, BoolArray, BoolArray]
) -> tuple[BoolArray, FloatArray]:
    """Give equal shares to Services that meet on nodes, where that costs less for all of them together.

    So a layout is never dearer than equal weights. Only where equal weights keep to the ceilings, as far as is known.
    """
    shares, even, more = laid
    places, of = pools.places, pools.parts.of
    equal = (1.0 / pools.parts.counts)[of]
    used = [places.per_node(places.sum(part * pools.load[of]), len(nodes)) for part in (shares, equal)]
    watts = [np.nan_to_num(nodes.watts(background + cores)) for cores in used]
    group_of_node = np.zeros(len(nodes), dtype=np.int64)
    group_of_node[places.node] = places.groups[places.parts.of]
    dearer = per_node(group_of_node, watts[0] - watts[1], len(pools)) > TINY
    over = (equal * pools.load[of] > rooms.pod + TINY) | (used[1] > rooms.node + TINY)[pools.node]
    bound = per_node(places.groups, (pools.parts.any(over) | more).astype(np.float64), len(pools)) > 0.0
    chosen = (dearer & ~bound)[places.groups]
    return even | chosen, np.where(chosen[of], equal, shares)


def _place_watts(nodes: Nodes, places: Places, cores: FloatArray) -> FloatArray:
    return nodes.curves.at(100.0 * cores / nodes.capacity_cores[places.node], rows=places.node)
