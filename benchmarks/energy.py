"""Energy of days on which pods come and go, by policy: placement, moves of pods, and servers that are switched off.

40 nodes of 32 cores with curves of the published tables, whose temperatures differ by up to 4 degC, in four fleets.
Savings are against the stock scheduler; the excess is over the best rule of each day, so 0 is a rule that no other one
beats on any day.

`WAO_BENCH_SEEDS` (default 2) and `WAO_BENCH_PODS` (default 2000) set the number of days and of pods on each.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import numpy as np

from benchmarks.quality import TABLES
from tests.fakes.fleets import CONDITIONS
from wao_predict.arrays import FloatArray
from wao_predict.curves import PowerCurves, monotone
from wao_predict.fleet import Fleet
from wao_predict.rebalance import Budgets
from wao_predict.simulate.comparison import Day
from wao_predict.simulate.engine import simulate_trace
from wao_predict.simulate.executors import on_processes
from wao_predict.simulate.moves import Moving
from wao_predict.simulate.policies import POLICIES
from wao_predict.simulate.sweep import DailyPods, Task, run_task

FLEETS = {
    "four types": dict.fromkeys(CONDITIONS, 10),
    "edge mix": {"edge_lenovo": 20, "edge_supermicro": 20},
    "cloud mix": {"cloud_dell": 20, "cloud_lenovo": 20},
    "edge_lenovo": {"edge_lenovo": 40},
}
LOADS = (0.3, 0.6)
JITTER, CORES = 4.0, 32.0
BASE = (0.001, 0.3)
"""Range of the permanent base load of a node [fraction of its CPU]."""
STOCK = "least-allocated"
RULES = ("peaks", "marginal", "lookahead", "floor")
SEEDS, PODS = (int(os.environ.get(f"WAO_BENCH_{name}", default)) for name, default in (("SEEDS", 2), ("PODS", 2000)))


@dataclass(frozen=True, slots=True)
class Section:
    """Policies that are simulated on the same days."""

    title: str
    policies: tuple[str, ...]
    base: bool = False
    movable: float = 1.0
    moving: Moving = Moving()  # noqa: RUF009
    wanted: str = ""


SECTIONS = (
    Section("Placement; no base load", tuple(POLICIES), wanted="floor saves at least 25 %"),
    Section("Placement; permanent base load of 0.1 to 30 % a node", tuple(POLICIES), base=True),
    Section(
        "Moves, every pod movable",
        (STOCK, "peaks+moves", "lookahead+moves", "floor+moves"),
        wanted="floor+moves saves at least 26 %",
    ),
    Section(
        "Moves, every pod movable, up to 30 in a plan and also from nodes on which others stay",
        (STOCK, "floor+moves"),
        moving=Moving(Budgets(moves=30, whole_nodes=False)),
        wanted="floor+moves saves at least 26 %",
    ),
    Section("Moves, 70 % of the pods movable", (STOCK, "lookahead+moves", "floor+moves"), movable=0.7),
    Section(
        "Standby, 70 % of the pods movable",
        (STOCK, f"{STOCK}+standby", "peaks+standby", "lookahead+standby", "floor+standby", "floor+moves+standby"),
        movable=0.7,
        wanted="floor+standby saves at least 60 %, and at most 0.5 % of the pods wait",
    ),
)
Found = dict[tuple[str, float, int], dict[str, Day]]


def main() -> None:
    """Print a table for each section, the excess of the rules, and the speed of the simulator."""
    print(f"{SEEDS} days of {PODS:,} pods for each fleet and load of {' and '.join(f'{load:.0%}' for load in LOADS)}")
    for section in SECTIONS:
        found = _days(section)
        print(f"\n{section.title}{f' (wanted: {section.wanted})' if section.wanted else ''}")
        _print_savings(section, found)
        if set(RULES) <= set(section.policies):
            _print_excess(found)
    _print_speed()


def _days(section: Section) -> Found:
    found: Found = {}
    for name, counts in FLEETS.items():
        tasks = [
            Task(
                fleet,
                DailyPods(load, PODS, movable=section.movable),
                policy,
                seed,
                moving=section.moving,
                bounded=policy == STOCK,
            )
            for seed in range(SEEDS)
            for fleet in (fleet_of_tables(counts, seed, base=section.base),)
            for load in LOADS
            for policy in section.policies
        ]
        for day in on_processes()(run_task, tasks):
            found.setdefault((name, day.load, day.seed), {})[day.policy] = day
    return found


def fleet_of_tables(counts: dict[str, int], seed: int, *, base: bool) -> Fleet:
    """Return nodes with curves of the published tables at temperatures around the training means."""
    draw = np.random.default_rng(1000 + seed)
    rows = [
        _curve(kind, CONDITIONS[kind][0] + draw.uniform(-JITTER, JITTER))
        for kind, count in counts.items()
        for _ in range(count)
    ]
    names = tuple(f"node-{row}" for row in range(len(rows)))
    used = CORES * draw.uniform(*BASE, len(rows)) if base else np.zeros(len(rows))
    return Fleet(names, PowerCurves(_KNOTS, np.array(rows)), np.full(len(rows), CORES), used)


_KNOTS = np.append(0.0, np.arange(1, 41) * 2.5)
_TABLES = {kind: np.loadtxt(TABLES / f"{kind}.csv", delimiter=",", skiprows=1) for kind in CONDITIONS}


def _curve(kind: str, temperature: float) -> FloatArray:
    """Return the curve of a type at the nearest pressure, interpolated between two temperatures."""
    table = _TABLES[kind]
    pressure = table[np.abs(table[:, 2] - CONDITIONS[kind][1]).argmin(), 2]
    temperatures = np.unique(table[:, 1])
    low = int(np.clip(np.searchsorted(temperatures, temperature) - 1, 0, temperatures.size - 2))
    share = (temperature - temperatures[low]) / (temperatures[low + 1] - temperatures[low])
    below, above = (
        table[(table[:, 1] == temperatures[row]) & (table[:, 2] == pressure), 3][:41] for row in (low, low + 1)
    )
    return monotone((1.0 - share) * below + share * above)


def _print_header(title: str, more: str = "") -> None:
    print(f"  {title:34}" + "".join(f"{name:>16}" for name in (*FLEETS, "all")) + more)


def _print_savings(section: Section, found: Found) -> None:
    """Print savings and excesses above the bound by fleet, and what the day came to."""
    _print_header("saved | above the bound [%]", f"{'moves':>8}{'starts':>8}{'waited':>9}{'longest':>9}")
    for policy in section.policies:
        cells = []
        for fleet in (*FLEETS, None):
            days = [day for (name, _, _), day in found.items() if fleet in (name, None)]
            saved = np.mean([100 * (1 - day[policy].kwh / day[STOCK].kwh) for day in days])
            above = np.mean([100 * (day[policy].kwh / (day[STOCK].bound or np.nan) - 1) for day in days])
            cells.append(f"{saved:>9.1f} |" + (f"{'-':>5}" if "standby" in policy else f"{above:>5.1f}"))
        own = [day[policy] for day in found.values()]
        waits = np.concatenate([day.waited_seconds for day in own])
        moves, starts = (np.mean([getattr(day, name) for day in own]) for name in ("moves", "starts"))
        waited = 100 * waits.size / sum(day.pods for day in own)
        more = f"{moves:>8.0f}{starts:>8.1f}{waited:>7.2f} %{waits.max(initial=0):>7.0f} s"
        print(f"    {policy:32}" + "".join(cells) + more)


def _print_excess(found: Found) -> None:
    """Print the mean excess over the best rule of each day, and over look-ahead, by fleet."""
    _print_header("above the best rule of the day [%]", f"{'worst':>8}")
    for policy in RULES:
        excess = {
            case: 100 * (day[policy].kwh / min(day[rule].kwh for rule in RULES) - 1) for case, day in found.items()
        }
        cells = "".join(
            f"{np.mean([value for (name, _, _), value in excess.items() if name == fleet]):>16.2f}" for fleet in FLEETS
        )
        print(f"    {policy:32}{cells}{np.mean(list(excess.values())):>16.2f}{max(excess.values()):>8.2f}")
    against = [
        f"{100 * (sum(day['floor'].kwh for day in days) / sum(day['lookahead'].kwh for day in days) - 1):>16.2f}"
        for fleet in FLEETS
        if (days := [day for (name, _, _), day in found.items() if name == fleet])
    ]
    print(f"    {'floor against lookahead':32}" + "".join(against))


def _print_speed() -> None:
    fleet = fleet_of_tables(dict.fromkeys(CONDITIONS, 250), 0, base=True)
    trace = DailyPods(0.45, 100_000).trace(fleet, 0)
    print(f"\n{len(fleet.names):,} nodes, {len(trace):,} pods on one core (wanted: 60 s for floor)")
    for policy in ("least-allocated", "lookahead", "floor"):
        began = time.process_time()
        run = simulate_trace(fleet, trace, policy)
        print(f"  {policy:20}{time.process_time() - began:>8.1f} s{run.kwh:>12,.0f} kWh")
