"""Energy of a day on which pods of mixed sizes come and go, by policy, above a bound that no placement can beat.

The day is drawn: 60 % of the fleet's CPU in use on average, twice as many arrivals at noon as at midnight, sizes from
0.25 to 8 cores as containers have them, lifetimes from minutes to half a day. Pods use what they request; nobody moves
them. Fleets have the curves of the published tables, and those of SPECpower results where a table of them is given:
`WAO_BENCH_SPECPOWER=curves.csv`, with the columns cores and w_0, w_10, ... w_100. None is shipped.
"""

from __future__ import annotations

import csv
import heapq
import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.quality import TABLES
from tests.fakes.fleets import CONDITIONS
from wao_predict.arrays import FloatArray
from wao_predict.curves import PowerCurves, monotone
from wao_predict.increase import IncreaseTable, Rule

NODES, PODS, DAY = 40, 8_000, 86_400.0
SIZES, SHARES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0), (0.2, 0.25, 0.25, 0.15, 0.1, 0.05)


def main() -> None:
    """Print kWh by policy and fleet, and how far above the bound they are."""
    fleets = {"published tables": _published()}
    if file := os.environ.get("WAO_BENCH_SPECPOWER"):
        fleets["SPECpower"] = _spec(Path(file))
    for title, machines in fleets.items():
        trace = Trace.drawn(float(machines.capacity.sum()))
        bound = _bound(machines, trace)
        print(f"{title}: {len(machines.capacity)} nodes, {PODS:,} pods; no placement is below {bound:.1f} kWh")
        for name, policy in POLICIES.items():
            kwh, refused = _replay(machines, trace, policy)
            waits = f"   {refused} pods found no room" if refused else ""
            print(f"  {name:28}{kwh:>9.1f} kWh{100 * (kwh / bound - 1):>9.1f} % above the bound{waits}")


@dataclass(frozen=True, eq=False)
class Machines:
    """Nodes: curves, CPU [cores], and the power model `a + b exp(c x)` that Trimaran's Peaks would fit, as (b, c)."""

    curves: PowerCurves
    capacity: FloatArray
    peaks: FloatArray

    @classmethod
    def of(cls, curves: PowerCurves, capacity: FloatArray) -> Machines:
        """Return nodes with their fits."""
        return cls(curves, capacity, np.array([_exponential(curves.knots / 100.0, watts) for watts in curves.watts]))


@dataclass(frozen=True, eq=False)
class Trace:
    """Arrivals in order [s], sizes [cores] and lifetimes [s]."""

    at: FloatArray
    cores: FloatArray
    lifetime: FloatArray

    @classmethod
    def drawn(cls, capacity: float) -> Trace:
        """Draw a day for a fleet of so many cores."""
        draw = np.random.default_rng(11)
        cores = draw.choice(SIZES, PODS, p=SHARES)
        at = np.sort(_daily(draw.random(PODS)))
        life = np.minimum(draw.lognormal(0.0, 1.2, PODS), 12.0)
        life *= 0.6 * capacity * DAY / float((cores * life).sum())
        return cls(at, cores, life)


def _daily(uniform: FloatArray) -> FloatArray:
    """Return times of the day whose density at noon is twice that at midnight."""
    grid = np.linspace(0.0, DAY, 1000)
    share = grid / DAY - np.sin(2 * np.pi * grid / DAY) / (6 * np.pi)
    return np.interp(uniform, share, grid)


def _replay(machines: Machines, trace: Trace, policy: Policy) -> tuple[float, int]:
    """Return the energy of the day [kWh], and how many pods found no room."""
    table, used = IncreaseTable(machines.curves), np.zeros(len(machines.capacity))
    running: list[tuple[float, int, float]] = []
    watts = machines.curves.at(np.zeros(used.size))
    joules, now, refused = 0.0, 0.0, 0
    for at, cores, lifetime in zip(trace.at, trace.cores, trace.lifetime, strict=True):
        while running and running[0][0] <= at:
            end, node, freed = heapq.heappop(running)
            joules, now = joules + float(watts.sum()) * (end - now), end
            used[node] -= freed
            watts[node] = _watts(machines, used, node)
        joules, now = joules + float(watts.sum()) * (at - now), float(at)
        fits = used + cores <= machines.capacity + 1e-9
        if not fits.any():
            refused += 1
            continue
        node = int(np.argmin(np.where(fits, policy(machines, table, used, float(cores)), np.inf)))
        used[node] += cores
        watts[node] = _watts(machines, used, node)
        heapq.heappush(running, (float(at + lifetime), node, float(cores)))
    return (joules + float(watts.sum()) * (DAY - now)) / 3.6e6, refused


def _watts(machines: Machines, used: FloatArray, node: int) -> float:
    row = np.array([node])
    return float(machines.curves.at(100.0 * used[row] / machines.capacity[row], rows=row)[0])


Policy = Callable[[Machines, IncreaseTable, FloatArray, float], FloatArray]
"""Gives what is least on the node to take."""
LOTS = np.random.default_rng(0)


def _least_allocated(machines: Machines, _table: IncreaseTable, used: FloatArray, cores: float) -> FloatArray:
    return (used + cores) / machines.capacity


def _most_allocated(machines: Machines, _table: IncreaseTable, used: FloatArray, cores: float) -> FloatArray:
    return -(used + cores) / machines.capacity


def _peaks(machines: Machines, _table: IncreaseTable, used: FloatArray, cores: float) -> FloatArray:
    """Return the jump in power by the fit, as sigs.k8s.io/scheduler-plugins' Peaks scores."""
    height, bend = machines.peaks.T
    jump: FloatArray = height * (
        np.exp(bend * (used + cores) / machines.capacity) - np.exp(bend * used / machines.capacity)
    )
    return jump


def _reference(machines: Machines, _table: IncreaseTable, used: FloatArray, cores: float) -> FloatArray:
    """Return scores of whole watts in 80 levels, as the Go reference gives them; equal ones draw lots."""
    percent = 100.0 / machines.capacity
    before, after = (machines.curves.at(np.minimum(load * percent, 100.0)) for load in (used, used + cores))
    whole = np.maximum(np.trunc(after - before), 0.0)
    fits = used + cores <= machines.capacity + 1e-9
    least, most = whole[fits].min(), whole[fits].max()
    levels = 100 - (whole - least) * 80 // max(most - least, 1.0)
    least_first: FloatArray = LOTS.random(whole.size) - levels
    return least_first


def _rule(rule: Rule) -> Policy:
    def increase(machines: Machines, table: IncreaseTable, used: FloatArray, cores: float) -> FloatArray:
        percent = 100.0 / machines.capacity
        watts = table.increase(used * percent, cores * percent, rule=rule)
        return watts - 1e-9 * used * percent  # of equal ones the fuller

    return increase


POLICIES: dict[str, Policy] = {
    "least allocated (stock)": _least_allocated,
    "most allocated": _most_allocated,
    "Peaks' exponential": _peaks,
    "reference (whole watts)": _reference,
    "marginal": _rule("marginal"),
    "lookahead": _rule("lookahead"),
}


def _bound(machines: Machines, trace: Trace) -> float:
    """Return the energy if CPU could be divided and moved at will at any time [kWh].

    Each curve's lower convex hull is at or below the curve, and the steepest parts of all hulls come last.
    """
    idle, slopes, lengths = 0.0, list[float](), list[float]()
    for watts, cores in zip(machines.curves.watts, machines.capacity, strict=True):
        hull = _hull(machines.curves.knots * cores / 100.0, watts)
        idle += float(watts[0])
        slopes += [(high[1] - low[1]) / (high[0] - low[0]) for low, high in pairwise(hull)]
        lengths += [high[0] - low[0] for low, high in pairwise(hull)]
    order = np.argsort(slopes)
    cores_at = np.append(0.0, np.cumsum(np.array(lengths)[order]))
    watts_at = idle + np.append(0.0, np.cumsum((np.array(slopes) * np.array(lengths))[order]))
    times = np.concatenate([trace.at, trace.at + trace.lifetime])
    change = np.concatenate([trace.cores, -trace.cores])
    order = np.argsort(times)
    moments, load = times[order], np.cumsum(change[order])
    inside = moments < DAY
    steps = np.diff(np.append(moments[inside], DAY))
    watts = np.interp(load[inside], cores_at, watts_at)
    return float((watts * steps).sum() + idle * moments[0]) / 3.6e6


def _hull(x: FloatArray, y: FloatArray) -> list[tuple[float, float]]:
    """Return the corners of the lower convex hull."""
    hull: list[tuple[float, float]] = []
    for point in zip(x.tolist(), y.tolist(), strict=True):
        while len(hull) > 1 and _turns_down(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    return hull


def _turns_down(first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]) -> bool:
    return (middle[1] - first[1]) * (last[0] - first[0]) >= (last[1] - first[1]) * (middle[0] - first[0])


def _exponential(x: FloatArray, watts: FloatArray) -> tuple[float, float]:
    """Return b and c of the least-squares fit `a + b exp(c x)`, with c among those that make sense."""
    best = (np.inf, 0.0, 1.0)
    for bend in np.concatenate([-np.geomspace(8, 0.05, 25), np.geomspace(0.05, 8, 25)]):
        matrix = np.column_stack([np.ones_like(x), np.exp(bend * x)])
        fit, *_ = np.linalg.lstsq(matrix, watts, rcond=None)
        error = float(((matrix @ fit - watts) ** 2).sum())
        best = min(best, (error, float(fit[1]), float(bend)))
    return best[1], best[2]


def _published() -> Machines:
    """Return equal numbers of the four types at their training means of temperature and pressure."""
    knots = np.append(0.0, np.arange(1, 41) * 2.5)
    rows = []
    for kind, (temperature, pressure) in CONDITIONS.items():
        table = np.loadtxt(TABLES / f"{kind}.csv", delimiter=",", skiprows=1)
        near = np.abs(table[:, 1] - temperature) + np.abs(table[:, 2] - pressure)
        rows += [monotone(table[near == near.min(), 3][:41])] * (NODES // len(CONDITIONS))
    return Machines.of(PowerCurves(knots, np.array(rows)), np.full(len(rows), 32.0))


def _spec(file: Path) -> Machines:
    """Return servers of 16 cores or more, drawn from a table of SPECpower results."""
    with file.open(encoding="utf-8", newline="") as text:
        listed = [row for row in csv.DictReader(text) if float(row["cores"]) >= 16]
    drawn = np.random.default_rng(5).choice(len(listed), NODES)
    watts = np.array([[float(listed[row][f"w_{load}"]) for load in range(0, 101, 10)] for row in drawn])
    cores = np.array([float(listed[row]["cores"]) for row in drawn])
    return Machines.of(PowerCurves(np.arange(0.0, 101.0, 10.0), np.array([monotone(row) for row in watts])), cores)
