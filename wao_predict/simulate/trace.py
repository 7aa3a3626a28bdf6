"""Pods that arrive and end: the input of a simulation over time. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from wao_predict.arrays import BoolArray, FloatArray, IntArray, as_count, as_floats, as_number
from wao_predict.errors import UsageError
from wao_predict.quantity import MAX_CORES

DAY = 86_400.0
"""Length of a day [s]."""
LONGEST_TIME = 3653 * DAY
"""Longest simulated time [s]: ten years."""
SIZES, SHARES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0), (0.2, 0.25, 0.25, 0.15, 0.1, 0.05)
"""CPU requests of synthetic pods [cores], and the fraction of pods that have each."""
SIGMA, LONGEST = 1.2, 12.0
"""Lifetimes of synthetic pods: log-normal with this sigma, and at most so many times the median."""


@dataclass(frozen=True, eq=False)
class Trace:
    """Pods in the order of their arrival.

    Parameters
    ----------
    arrival
        Time of arrival [s], ascending, from 0, shape (n_pods,).
    duration
        Running time [s], above 0, shape (n_pods,); infinite for a pod that stays.
    request, use
        CPU request and CPU use [cores], shape (n_pods,). A request is above 0.
    movable
        Whether each pod may be moved to another node, shape (n_pods,).
    horizon
        End of the simulated time [s]. Pods may end later.
    node
        Row of the node on which a pod runs already when it arrives, -1 for one that is to be placed, shape (n_pods,);
        default: all are to be placed.

    Raises
    ------
    UsageError
        The lengths differ, arrivals do not ascend, or a value is not usable.

    Examples
    --------
    >>> trace = Trace.of(arrival=[0.0, 60.0], duration=[3600.0, 3600.0], request=[1.0, 2.0], horizon=7200.0)
    >>> len(trace), trace.offered_cores()
    (2, 1.5)
    """

    arrival: FloatArray
    duration: FloatArray
    request: FloatArray
    use: FloatArray
    movable: BoolArray
    horizon: float
    node: IntArray | None = None

    def __post_init__(self) -> None:
        for item in fields(self):
            column = getattr(self, item.name)
            if item.name != "horizon" and column is not None and len(column) != len(self.arrival):
                raise UsageError(f"{len(column)} values of {item.name} for {len(self.arrival)} pods: give one for each")
        for name, usable, wanted in (
            ("arrival", (self.arrival >= 0) & (self.arrival <= LONGEST_TIME), "a time in seconds, from 0 to 10 years"),
            ("duration", self.duration > 0, "a time above 0 s"),
            ("request", (self.request > 0) & (self.request <= MAX_CORES), f"CPU cores, above 0 to {MAX_CORES:,.0f}"),
            ("use", (self.use >= 0) & (self.use <= MAX_CORES), f"CPU cores, 0 to {MAX_CORES:,.0f}"),
        ):
            if not usable.all():
                pod = int(np.argmin(usable))
                raise UsageError(f"{name} of pod {pod + 1} is {getattr(self, name)[pod]:g}: give {wanted}")
        if (np.diff(self.arrival) < 0).any():
            raise UsageError("arrival: the pods are not in the order of their arrival; sort them")
        if not 0 < self.horizon <= LONGEST_TIME:
            raise UsageError(
                f"the simulated time is {self.horizon:g} s: give a horizon above 0 s and at most 10 years, and "
                "durations in seconds"
            )

    def __len__(self) -> int:
        return len(self.arrival)

    @classmethod
    def of(
        cls,
        arrival: Sequence[float] | FloatArray,
        duration: Sequence[float] | FloatArray,
        request: Sequence[float] | FloatArray,
        *,
        use: Sequence[float] | FloatArray | None = None,
        movable: Sequence[bool] | BoolArray | None = None,
        horizon: float | None = None,
    ) -> Trace:
        """Return the pods of some columns, sorted by arrival.

        Parameters
        ----------
        arrival, duration, request
            See the class.
        use
            CPU use [cores]; default: what each pod requests.
        movable
            Default: every pod is movable.
        horizon
            Default: the last end of a pod, or the last arrival if pods stay.
        """
        start, length, cores = (
            _column(name, values)
            for name, values in (("arrival", arrival), ("duration", duration), ("request", request))
        )
        used = cores if use is None else _column("use", use)
        free = np.ones(len(start), dtype=np.bool_) if movable is None else _truths("movable", movable)
        end = DAY if horizon is None else as_number("horizon", horizon)
        if len({len(column) for column in (start, length, cores, used, free)}) == 1:
            order = np.argsort(start, kind="stable")
            start, length, cores, used = (column[order] for column in (start, length, cores, used))
            free = free[order]
            if horizon is None and len(start):
                ends = start + length
                end = float(ends[np.isfinite(ends)].max(initial=float(start.max())))
        return cls(start, length, cores, used, free, end)

    def after(self, running: Trace) -> Trace:
        """Return these pods together with pods that run already, which come first."""
        both = {
            item.name: np.concatenate([getattr(running, item.name), getattr(self, item.name)])
            for item in fields(self)
            if item.name not in ("horizon", "node")
        }
        nodes = [np.full(len(part), -1) if part.node is None else part.node for part in (running, self)]
        return Trace(**both, horizon=self.horizon, node=np.concatenate(nodes))

    def offered_cores(self) -> float:
        """Return the mean CPU that the pods would use within the horizon if none of them waited [cores]."""
        ends = np.minimum(self.arrival + self.duration, self.horizon)
        return float((self.use * np.maximum(ends - self.arrival, 0.0)).sum() / self.horizon)


def daily_trace(
    capacity_cores: float,
    *,
    load: float = 0.6,
    pods: int = 2_000,
    days: int = 1,
    peak: float = 2.0,
    movable: float = 1.0,
    seed: int = 0,
) -> Trace:
    """Draw days on which pods of mixed sizes come and go.

    Sizes are between 0.25 and 8 cores, as containers have them; lifetimes are log-normal, from minutes to half a day.
    Pods use what they request.

    Parameters
    ----------
    capacity_cores
        CPU of the fleet [cores].
    load
        Fraction of it that all pods together use on average, over their whole lifetimes.
    pods
        Number of pods on one day.
    days
        Number of days.
    peak
        Arrivals at noon relative to arrivals at midnight.
    movable
        Fraction of the pods that may be moved.
    seed
        Seed of the random numbers.

    Raises
    ------
    UsageError
        A number is none or out of its range.

    Examples
    --------
    >>> trace = daily_trace(1280.0, load=0.3, pods=500, seed=1)
    >>> len(trace), round(float((trace.use * trace.duration).sum() / 86_400 / 1280.0), 6)
    (500, 0.3)
    """
    capacity_cores, load = as_number("capacity_cores", capacity_cores), as_number("load", load)
    peak, movable = as_number("peak", peak), as_number("movable", movable)
    pods, days = as_count("pods", pods), as_count("days", days)
    for name, usable, wanted in (
        ("capacity_cores", 0 < capacity_cores < np.inf, "above 0"),
        ("load", 0 < load <= 1, "above 0 and at most 1"),
        ("pods", pods >= 1, "at least 1"),
        ("days", days >= 1, "at least 1"),
        ("peak", 1 <= peak < np.inf, "at least 1"),
        ("movable", 0 <= movable <= 1, "from 0 to 1"),
    ):
        if not usable:
            raise UsageError(f"{name}: give a number {wanted}")
    draw = np.random.default_rng(seed)
    count = pods * days
    cores = draw.choice(SIZES, count, p=SHARES)
    arrival = np.sort(_daily(draw.random(count), peak) + DAY * draw.integers(0, days, count))
    life = np.minimum(draw.lognormal(0.0, SIGMA, count), LONGEST)
    life *= load * capacity_cores * DAY * days / float((cores * life).sum())
    free = draw.random(count) < movable
    return Trace.of(arrival, life, cores, movable=free, horizon=DAY * days)


def _column(name: str, values: object) -> FloatArray:
    column = as_floats(name, values)
    if column.ndim != 1:
        raise UsageError(f"{name} has shape {column.shape}: give one value for each pod")
    return column


def _truths(name: str, values: object) -> BoolArray:
    """Return a column of booleans; a text such as "no" would be true."""
    column = np.asarray(values)
    if column.dtype.kind == "O" and all(isinstance(each, bool | np.bool_) for each in column.flat):
        column = column.astype(np.bool_)
    if column.ndim != 1 or (column.size and column.dtype.kind not in "bui"):
        raise UsageError(f"{name} has values that are not booleans: give True or False for each pod")
    return column.astype(np.bool_)


def _daily(uniform: FloatArray, peak: float) -> FloatArray:
    """Return times of the day whose density at noon is `peak` times that at midnight."""
    grid = np.linspace(0.0, DAY, 1000)
    depth = (peak - 1.0) / (peak + 1.0)
    share = grid / DAY - depth * np.sin(2 * np.pi * grid / DAY) / (2 * np.pi)
    return np.interp(uniform, share, grid)
