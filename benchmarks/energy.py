"""Energy of days on which pods come and go, by policy: four fleets, with and without a permanent base load.

40 nodes of 32 cores with curves of the published tables, whose temperatures differ by up to 4 degC. Savings are against
the stock scheduler; the excess is over the best rule of each day, so 0 is a rule that no other one beats on any day.

`WAO_BENCH_SEEDS` (default 2) and `WAO_BENCH_PODS` (default 2000) set the number of days and of pods on each.
"""

from __future__ import annotations

import os
import time

import numpy as np

from benchmarks.quality import TABLES
from tests.fakes.fleets import CONDITIONS
from wao_predict.arrays import FloatArray
from wao_predict.curves import PowerCurves, monotone
from wao_predict.fleet import Fleet
from wao_predict.simulate.comparison import Day
from wao_predict.simulate.engine import simulate_trace
from wao_predict.simulate.executors import on_processes
from wao_predict.simulate.policies import POLICIES
from wao_predict.simulate.sweep import DailyPods, Task, run_task

FLEETS = {
    "four types": dict.fromkeys(CONDITIONS, 10),
    "edge mix": {"edge_lenovo": 20, "edge_supermicro": 20},
    "cloud mix": {"cloud_dell": 20, "cloud_lenovo": 20},
    "edge_lenovo": {"edge_lenovo": 40},
}
LOADS = (0.3, 0.45, 0.6)
JITTER, CORES = 4.0, 32.0
BASE = (0.001, 0.3)
"""Range of the permanent base load of a node [fraction of its CPU]."""
RULES = ("peaks", "marginal", "lookahead", "floor")
SEEDS, PODS = (int(os.environ.get(f"WAO_BENCH_{name}", default)) for name, default in (("SEEDS", 2), ("PODS", 2000)))


Case = tuple[str, float, int]


def main() -> None:
    """Print savings and excesses by fleet, load and policy, and the speed of the simulator."""
    for base in (False, True):
        title = "permanent base load of 0.1 to 30 % a node" if base else "no base load"
        print(f"\n{title}; {SEEDS} days of {PODS:,} pods for each load")
        found: dict[Case, dict[str, Day]] = {}
        for name, counts in FLEETS.items():
            for seed in range(SEEDS):
                fleet = fleet_of_tables(counts, seed, base=base)
                for day in on_processes()(run_task, _tasks(fleet, seed)):
                    found.setdefault((name, day.load, seed), {})[day.policy] = day
        _print_savings(found)
        _print_excess(found)
    _print_speed()


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


def _tasks(fleet: Fleet, seed: int) -> list[Task]:
    return [
        Task(fleet, DailyPods(load, PODS), policy, seed, bounded=policy == RULES[0])
        for load in LOADS
        for policy in POLICIES
    ]


def _print_header(title: str, more: str = "") -> None:
    print(f"  {title:42}" + "".join(f"{name:>16}" for name in (*FLEETS, "all")) + more)


def _print_savings(found: dict[Case, dict[str, Day]]) -> None:
    """Print the mean saving against the stock scheduler, and the mean excess above the bound, by fleet."""
    _print_header("saved against stock | above the bound [%]")
    for policy in POLICIES:
        cells = []
        for fleet in (*FLEETS, None):
            days = [case for (name, _, _), case in found.items() if fleet in (name, None)]
            saved = np.mean([100 * (1 - day[policy].kwh / day["least-allocated"].kwh) for day in days])
            above = np.mean([100 * (day[policy].kwh / (day[RULES[0]].bound or np.nan) - 1) for day in days])
            cells.append(f"{saved:>9.1f} |{above:>5.1f}")
        print(f"    {policy:40}" + "".join(cells))


def _print_excess(found: dict[Case, dict[str, Day]]) -> None:
    """Print the mean excess over the best rule of each day, and over look-ahead, by fleet."""
    _print_header("above the best rule of the day [%]", f"{'worst':>9}")
    for policy in RULES:
        excess = {
            case: 100 * (day[policy].kwh / min(day[rule].kwh for rule in RULES) - 1) for case, day in found.items()
        }
        cells = "".join(
            f"{np.mean([value for (name, _, _), value in excess.items() if name == fleet]):>16.2f}" for fleet in FLEETS
        )
        print(f"    {policy:40}{cells}{np.mean(list(excess.values())):>16.2f}{max(excess.values()):>9.2f}")
    against = [
        f"{100 * (sum(day['floor'].kwh for day in days) / sum(day['lookahead'].kwh for day in days) - 1):>16.2f}"
        for fleet in FLEETS
        if (days := [day for (name, _, _), day in found.items() if name == fleet])
    ]
    print(f"    {'floor against lookahead':40}" + "".join(against))


def _print_speed() -> None:
    fleet = fleet_of_tables(dict.fromkeys(CONDITIONS, 250), 0, base=True)
    trace = DailyPods(0.45, 100_000).trace(fleet, 0)
    print(f"\n{len(fleet.names):,} nodes, {len(trace):,} pods on one core (wanted: 60 s for floor)")
    for policy in ("least-allocated", "lookahead", "floor"):
        began = time.process_time()
        run = simulate_trace(fleet, trace, policy)
        print(f"  {policy:20}{time.process_time() - began:>8.1f} s{run.kwh:>12,.0f} kWh")
