"""A fleet of nodes: its power, and the minimum power increase for additional identical pods.

The minimum is found exactly by dynamic programming over the nodes (min-plus convolution of their cost curves), up to a
bound of work. Beyond it pods are placed one by one by look-ahead, and the answer states an upper bound of its distance
from the optimum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from wao_predict.arrays import FloatArray, IntArray, as_count, as_floats, as_number
from wao_predict.curves import DEFAULT_KNOTS, PowerCurves, power_curves, warn_outside
from wao_predict.errors import UsageError
from wao_predict.frames import data_frame, html_table
from wao_predict.increase import IncreaseTable, Rule, jobs_that_fit, least
from wao_predict.quantity import MAX_CORES
from wao_predict.stock import stock_counts

if TYPE_CHECKING:
    import pandas

_MOST_FITTING = 1e9  # pods on one node; more would not fit an integer
EXACT_WORK = 200_000_000
"""Additions that the exact answer may take, about a second: 1,500 pods and 5,000 nodes with room for 20 pods each."""
_NODE_WORK = 4
"""Additional work per node, which also bounds the memory to one or two bytes per node and pod."""


@dataclass(frozen=True, eq=False)
class WhatIf:
    """The minimum power increase for n additional identical pods, and the placement that reaches it.

    Attributes
    ----------
    cores
        CPU of one pod [cores].
    nodes
        Number of nodes in the fleet.
    watts_before
        Power of the fleet without the pods [W].
    watt_increases
        Minimum total increase for 1, 2, ..., n pods [W], shape (n,): the field of the reference's estimator.
    per_node
        Number of pods by node name; nodes without pods are left out.
    method
        "exact", "lookahead" if the exact answer would exceed the bound of work, or the rule of `place_by_rule`.
    excess
        Upper bound on how far `total_increase` is above the optimum [W]; 0 for the exact answer.
    stock_increase
        Increase if the stock scheduler places the pods [W], see `wao_predict.stock.stock_counts`; None if unknown.
    """

    cores: float
    nodes: int
    watts_before: float
    watt_increases: FloatArray
    per_node: dict[str, int]
    method: Literal["exact"] | Rule
    excess: float = 0.0
    stock_increase: float | None = None

    @property
    def total_increase(self) -> float:
        """Minimum increase of the fleet's power for all pods [W]."""
        return float(self.watt_increases[-1])

    @property
    def count(self) -> int:
        """Number of pods."""
        return int(self.watt_increases.size)

    def __repr__(self) -> str:
        return (
            f"WhatIf({self.count} pods of {self.cores:g} cores on {len(self.per_node)} of {self.nodes} nodes, "
            f"+{self.total_increase:,.1f} W, {self.method})"
        )

    def to_frame(self) -> pandas.DataFrame:
        """Return a pandas data frame with the columns node and pods."""
        return data_frame({"node": list(self.per_node), "pods": list(self.per_node.values())})

    def _repr_html_(self) -> str:
        return html_table(repr(self), ("node", "pods"), self.per_node.items())

    @property
    def placements(self) -> list[str]:
        """Node name of each pod, in the order of the fleet."""
        return [name for name, pods in self.per_node.items() for _ in range(pods)]

    def as_dict(self) -> dict[str, Any]:
        """Return the answer as JSON types: the document of `wao what-if -o json` and of `POST /v1/what-if`."""
        return {
            "cpu_cores": self.cores,
            "count": self.count,
            "nodes": self.nodes,
            "watts_before": self.watts_before,
            "total_increase": self.total_increase,
            "watt_increases": self.watt_increases.tolist(),
            "placements": self.placements,
            "per_node": dict(self.per_node),
            "method": self.method,
            "excess": self.excess,
            "stock_increase": self.stock_increase,
        }


@dataclass(frozen=True, eq=False)
class Fleet:
    """Nodes with their power curves and present load.

    Parameters
    ----------
    names
        Names of the nodes, all different.
    curves
        Power curves of the nodes, all known.
    capacity_cores, usage_cores
        CPU and present CPU use of each node [cores], shape (n_nodes,).
    groups
        Group of each node, such as its room, for cooling and prices; default: no groups.
    models
        Model of each node, as `load_predictor` takes it; empty if unknown.

    Raises
    ------
    UsageError
        The lengths differ, a name occurs twice, a value is unknown, or a CPU use is below 0 or above the capacity.

    Examples
    --------
    >>> curves = PowerCurves(np.array([0.0, 100.0]), np.array([[100.0, 200.0], [100.0, 120.0]]))
    >>> fleet = Fleet(("a", "b"), curves, np.array([10.0, 10.0]), np.array([1.0, 5.0]))
    >>> fleet.watts().tolist()
    [110.0, 110.0]
    >>> fleet.what_if(cores=1.0, n=6).per_node
    {'a': 1, 'b': 5}
    """

    names: tuple[str, ...]
    curves: PowerCurves
    capacity_cores: FloatArray
    usage_cores: FloatArray
    groups: tuple[str, ...] = ()
    models: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field_name in ("names", "groups", "models"):
            object.__setattr__(self, field_name, tuple(getattr(self, field_name)))
        for field_name in ("capacity_cores", "usage_cores"):
            values = as_floats(field_name, getattr(self, field_name))
            if values.ndim != 1:
                raise UsageError(f"{field_name} has shape {values.shape}: give one value for each node")
            object.__setattr__(self, field_name, values)
        count = len(self.names)
        for name, size in (
            ("curves", len(self.curves)),
            ("capacity_cores", len(self.capacity_cores)),
            ("usage_cores", len(self.usage_cores)),
            ("groups", len(self.groups) or count),
            ("models", len(self.models) or count),
        ):
            if size != count:
                raise UsageError(f"{size} {name} for {count} nodes: give one for each")
        if len(set(self.names)) < count:
            raise UsageError("two nodes have the same name: give each its own")
        for what, usable in (
            ("power curve", self.curves.known),
            ("CPU use", np.isfinite(self.usage_cores)),
            ("CPU capacity", np.isfinite(self.capacity_cores) & (self.capacity_cores > 0)),
        ):
            if not usable.all():
                lacking = [self.names[row] for row in np.flatnonzero(~usable)]
                raise UsageError(f"no {what} of {', '.join(lacking[:5])} ({len(lacking)} in all): leave them out")
        check_usage(self.names, self.capacity_cores, self.usage_cores)

    def __repr__(self) -> str:
        cores, used, watts = self.capacity_cores.sum(), self.usage_cores.sum(), self.watts().sum()
        return f"Fleet({len(self.names):,} nodes, {cores:,.0f} cores, {used:,.1f} in use, {watts:,.0f} W)"

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def from_table(cls, table: object) -> Fleet:
        """Return the fleet in a table; each model is loaded once.

        Parameters
        ----------
        table
            Path of a CSV file, "-" for standard input, or a pandas, polars or pyarrow table, a dict of columns or a
            list of dicts. Columns: name, model (see `load_predictor`), capacity_cores, usage_cores [cores], and
            inlet_temp [degC] and delta_p [Pa] for nodes whose model needs them. Optional: group, such as the room.
            A relative path of a model in a file is relative to the folder of that file.

        Raises
        ------
        FeatureError
            A column is missing, or a value is not usable.
        UsageError
            The file cannot be read, a CPU use is below 0 or above the capacity, or a value that a model needs is
            missing.

        Examples
        --------
        >>> nodes = {"name": ["a", "b"], "model": "curve:0=60 100=120", "capacity_cores": 32, "usage_cores": [4, 0]}
        >>> Fleet.from_table(nodes)
        Fleet(2 nodes, 64 cores, 4.0 in use, 128 W)
        """
        from wao_predict.fleet_table import fleet_of

        return fleet_of(table)

    def to_frame(self) -> pandas.DataFrame:
        """Return a pandas data frame: name, capacity_cores, usage_cores, cpu_usage [%] and watts [W] of each node."""
        return data_frame(
            {
                "name": self.names,
                "capacity_cores": self.capacity_cores,
                "usage_cores": self.usage_cores,
                "cpu_usage": self.cpu_usage,
                "watts": self.watts(),
            }
        )

    def _repr_html_(self) -> str:
        columns = (self.names, self.capacity_cores, self.usage_cores, self.cpu_usage, self.watts())
        header = ("name", "capacity [cores]", "use [cores]", "CPU load [%]", "power [W]")
        return html_table(repr(self), header, zip(*columns, strict=True))

    @property
    def cpu_usage(self) -> FloatArray:
        """Present load [% of capacity], shape (n_nodes,)."""
        result: FloatArray = 100.0 * self.usage_cores / self.capacity_cores
        return result

    def watts(self) -> FloatArray:
        """Return the predicted power of each node [W], shape (n_nodes,)."""
        return self.curves.at(self.cpu_usage)

    def with_usage(self, usage_cores: ArrayLike) -> Fleet:
        """Return the fleet with another CPU use [cores], shape (n_nodes,)."""
        return replace(self, usage_cores=as_floats("usage_cores", usage_cores))

    @property
    def group_names(self) -> tuple[str, ...]:
        """Group of each node, "" for all if there are no groups."""
        return self.groups or ("",) * len(self.names)

    def room(self, cores: float) -> IntArray:
        """Return the number of pods of `cores` each that fit on each node, shape (n_nodes,)."""
        fitting = jobs_that_fit(self.capacity_cores - self.usage_cores, cores)
        return np.clip(fitting, 0.0, _MOST_FITTING).astype(np.int64)

    def stock_placement(self, cores: float, count: int) -> IntArray:
        """Return the pods per node if the stock scheduler places them, shape (n_nodes,); see `stock_counts`."""
        return stock_counts(self.capacity_cores, self.usage_cores, self.room(cores), cores, count)

    def what_if(self, cores: float, n: int, *, exact_work: int = EXACT_WORK) -> WhatIf:
        """Return the minimum power increase for additional identical pods, and their placement.

        Parameters
        ----------
        cores
            CPU of one pod [cores].
        n
            Number of pods.
        exact_work
            Number of additions up to which the answer is exact: `n` times the number of pods that fit on all nodes.

        Raises
        ------
        UsageError
            `cores` or `n` is not positive, or the pods do not all fit.
        """
        cores, n = as_number("cores", cores), as_count("n", n)
        if not np.isfinite(cores) or cores <= 0 or n < 1:
            raise UsageError(f"{n} pods of {cores} cores: give a positive size and at least one pod")
        room = np.minimum(self.room(cores), n)
        fitting = int(room.sum())
        if fitting < n:
            raise UsageError(f"only {fitting} of {n} pods of {cores:g} cores fit on these {len(self.names)} nodes")
        if (fitting + _NODE_WORK * len(self.names)) * n <= exact_work:
            return self._exact(cores, n, room)
        return self._one_by_one(cores, n)

    def _exact(self, cores: float, count: int, room: IntArray) -> WhatIf:
        """Return the minimum over all placements: least costs of 0..count pods on the first 1, 2, ... nodes in turn."""
        least = np.full(count + 1, np.inf)
        least[0] = 0.0
        taken = np.zeros((len(self.names), count + 1), dtype=np.min_scalar_type(int(room.max())))
        for node in np.flatnonzero(room):
            costs = self._costs_of(int(node), cores, int(room[node]))
            fresh = least.copy()
            for pods in range(1, costs.size):
                candidate = least[: count + 1 - pods] + costs[pods]
                better = candidate < fresh[pods:] - 1e-12
                fresh[pods:][better] = candidate[better]
                taken[node, pods:][better] = pods
            least = fresh
        counts, left = np.zeros(len(self.names), dtype=np.int64), count
        for row in range(len(self.names) - 1, -1, -1):
            counts[row] = taken[row, left]
            left -= int(counts[row])
        return self._answer(cores, least[1:], counts, method="exact")

    def _costs_of(self, node: int, cores: float, room: int) -> FloatArray:
        """Return the increase of one node for 0..room pods [W], shape (room + 1,)."""
        load = (self.usage_cores[node] + cores * np.arange(room + 1)) * (100.0 / self.capacity_cores[node])
        costs: FloatArray = np.interp(load, self.curves.knots, self.curves.watts[node])
        costs -= costs[0]
        return costs

    def _one_by_one(self, cores: float, count: int) -> WhatIf:
        """Return a placement by look-ahead, with a lower bound of the optimum.

        Look-ahead follows the lower convex hulls of the nodes' cost curves, the flattest edge first. At the end of an
        edge its total is optimal. Within an edge it exceeds the optimum at most by the distance of one node's cost from
        the node's hull. The increase for which an edge is begun is the slope of the edge; later ones on it are lower.
        """
        placed = place_in_turn(self, cores, count, rule="lookahead")
        increases = placed.totals - placed.totals[0]
        on_hulls = float(np.maximum.accumulate(placed.increases).sum())
        counts = np.bincount(placed.nodes, minlength=len(self.names))
        excess = max(float(increases[-1]) - on_hulls, 0.0)
        return self._answer(cores, increases[1:], counts, method="lookahead", excess=excess)

    def _answer(
        self,
        cores: float,
        increases: FloatArray,
        counts: IntArray,
        *,
        method: Literal["exact", "lookahead"],
        excess: float = 0.0,
    ) -> WhatIf:
        per_node = {name: int(pods) for name, pods in zip(self.names, counts, strict=True) if pods}
        before = float(self.watts().sum())
        count = int(increases.size)
        spread = self.stock_placement(cores, count)
        stock = float(self.with_usage(self.usage_cores + spread * cores).watts().sum()) - before
        return WhatIf(cores, len(self.names), before, increases, per_node, method, excess, stock)


def check_usage(names: Sequence[str], capacity_cores: FloatArray, usage_cores: FloatArray) -> None:
    """Raise for a CPU use that no node has; a measured one may exceed the capacity by rounding.

    Raises
    ------
    UsageError
        A capacity is not above 0, or a CPU use is below 0 or above the capacity.
    """
    for row in np.flatnonzero(~((capacity_cores > 0) & (capacity_cores <= MAX_CORES))):
        raise UsageError(
            f"capacity_cores of {names[int(row)]:.80} is {capacity_cores[row]:g}: give the CPU of the node in cores, "
            f"above 0 to {MAX_CORES:,.0f}"
        )
    for row in np.flatnonzero((usage_cores < 0) | (usage_cores > 1.001 * capacity_cores)):
        raise UsageError(
            f"usage_cores of {names[int(row)]:.80} is {usage_cores[row]:g}, but the node has {capacity_cores[row]:g} "
            "cores: give the CPU use in cores, from 0 to the capacity"
        )


@dataclass(frozen=True, eq=False)
class Placed:
    """The result of placing pods one by one.

    Attributes
    ----------
    nodes
        Row of each pod's node, shape (n,).
    totals
        Power of the fleet after 0, 1, ..., n pods [W], shape (n + 1,).
    increases
        Increase by the rule for which each pod's node was chosen [W], shape (n,).
    """

    nodes: IntArray
    totals: FloatArray
    increases: FloatArray


def place_in_turn(
    fleet: Fleet, cores: float | FloatArray, count: int, *, rule: Rule = "lookahead", floor: FloatArray | None = None
) -> Placed:
    """Return a placement of pods, one by one on the node with the lowest increase by a rule.

    Parameters
    ----------
    fleet
        The nodes.
    cores
        CPU of each pod [cores], shape (count,) or a scalar.
    count
        Number of pods.
    rule
        The increase rule. Among equal nodes the fuller one is chosen.
    floor
        Part of the present load that stays [% of capacity], shape (n_nodes,), for the rule "floor"; default: all of it.

    Raises
    ------
    UsageError
        A pod does not fit anywhere.
    """
    sizes = as_floats("cores", cores, length=count)
    table = IncreaseTable(fleet.curves)
    percent = 100.0 / fleet.capacity_cores
    load = fleet.cpu_usage.copy()
    watts = fleet.watts()
    nodes, totals, chosen = np.empty(count, dtype=np.int64), np.empty(count + 1), np.empty(count)
    totals[0] = watts.sum()
    increase, size = np.empty(0), None
    stays = load.copy() if floor is None else floor
    for pod in range(count):
        if sizes[pod] != size:
            size = sizes[pod]
            increase = table.increase(load, size * percent, rule=rule, floor=stays)
        node = least(increase, load)
        if node is None:
            raise UsageError(f"pod {pod + 1} of {size:g} cores fits on no node")
        chosen[pod] = increase[node]
        load[node] += size * percent[node]
        row = np.array([node])
        watts[node] = fleet.curves.at(load[row], rows=row)[0]
        added = size * percent[row]
        increase[row] = table.increase(load[row], added, rows=row, rule=rule, floor=stays[row])
        nodes[pod], totals[pod + 1] = node, watts.sum()
    return Placed(nodes, totals, chosen)


def curves_of_models(
    models: Sequence[str], inlet_temp: ArrayLike, delta_p: ArrayLike, *, knots: ArrayLike = DEFAULT_KNOTS
) -> PowerCurves:
    """Return the power curves of nodes with different models. Each model is loaded once and predicts in one batch.

    Parameters
    ----------
    models
        Model of each node: the name of an included model, a file or a URL, see `load_predictor`.
    inlet_temp, delta_p
        Inlet temperature [degC] and static pressure difference [Pa] of each node, shape (n_nodes,) or a scalar; NaN
        for nodes whose model does not need it.
    knots
        CPU loads [%], shape (k,).

    Raises
    ------
    UsageError
        A value that a node's model needs is NaN.

    Warns
    -----
    OutOfRangeWarning
        Some conditions are outside a model's trained range; the nearest trained value is used.
    """
    from wao_predict.predictor import load_predictor

    grid = as_floats("knots", knots)
    temperature = as_floats("inlet_temp", inlet_temp, length=len(models))
    pressure = as_floats("delta_p", delta_p, length=len(models))
    watts = np.full((len(models), grid.size), np.nan)
    for model in dict.fromkeys(models):
        rows = np.array([row for row, name in enumerate(models) if name == model])
        with load_predictor(model) as predictor:
            for name, values in (("inlet_temp", temperature[rows]), ("delta_p", pressure[rows])):
                if name in predictor.features and np.isnan(values).any():
                    raise UsageError(f"model {model!r:.80} predicts from {name}: give it for each node with this model")
            warn_outside(predictor, temperature[rows], pressure[rows])
            watts[rows] = power_curves(predictor, temperature[rows], pressure[rows], knots=grid).watts
    return PowerCurves(grid, watts)


def what_if(
    curves: PowerCurves,
    capacity_cores: ArrayLike,
    usage_cores: ArrayLike,
    *,
    cores: float,
    n: int,
    names: Sequence[str] | None = None,
) -> WhatIf:
    """Return the minimum power increase for additional identical pods; see `Fleet` and `Fleet.what_if`.

    Parameters
    ----------
    curves, capacity_cores, usage_cores, names
        The fleet; default names are node-0, node-1, ....
    cores, n
        CPU of one pod [cores], and the number of pods.

    Raises
    ------
    UsageError
        The nodes are not usable, or the pods do not all fit.

    Examples
    --------
    >>> curves = PowerCurves(np.array([0.0, 100.0]), np.array([[100.0, 200.0], [100.0, 150.0]]))
    >>> what_if(curves, [10.0, 10.0], [0.0, 0.0], cores=1.0, n=2).watt_increases.tolist()
    [5.0, 10.0]
    """
    chosen = tuple(names) if names is not None else tuple(f"node-{index}" for index in range(len(curves)))
    capacity = as_floats("capacity_cores", capacity_cores, length=len(curves))
    fleet = Fleet(chosen, curves, capacity, as_floats("usage_cores", usage_cores, length=len(curves)))
    return fleet.what_if(cores, n)
