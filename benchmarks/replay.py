"""Energy of a day on which pods of mixed sizes come and go, by policy, above a bound that no placement can beat.

The day is drawn by `daily_trace`: 60 % of the fleet's CPU in use on average. Pods use what they request; nobody moves
them. Fleets have the curves of the published tables, and those of SPECpower results where a table of them is given:
`WAO_BENCH_SPECPOWER=curves.csv`, with the columns cores and w_0, w_10, ... w_100. None is shipped.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np

from benchmarks.quality import TABLES
from tests.fakes.fleets import CONDITIONS
from wao_predict.arrays import FloatArray
from wao_predict.curves import PowerCurves, monotone
from wao_predict.fleet import Fleet
from wao_predict.simulate.bounds import fluid_bound
from wao_predict.simulate.engine import simulate_trace
from wao_predict.simulate.trace import daily_trace

NODES, PODS, LOAD, SEED = 40, 8_000, 0.6, 11
POLICIES = ("least-allocated", "most-allocated", "peaks", "reference", "marginal", "lookahead", "floor")


def main() -> None:
    """Print kWh by policy and fleet, and how far above the bound they are."""
    fleets = {"published tables": _published()}
    if file := os.environ.get("WAO_BENCH_SPECPOWER"):
        fleets["SPECpower"] = _spec(Path(file))
    for title, fleet in fleets.items():
        trace = daily_trace(float(fleet.capacity_cores.sum()), load=LOAD, pods=PODS, seed=SEED)
        bound = fluid_bound(fleet, trace)
        print(f"{title}: {len(fleet)} nodes, {PODS:,} pods; no placement is below {bound:.1f} kWh")
        for policy in POLICIES:
            run = simulate_trace(fleet, trace, policy)
            waits = f"   {run.waiting_pods} pods waited for room" if run.waiting_pods else ""
            print(f"  {policy:28}{run.kwh:>9.1f} kWh{100 * (run.kwh / bound - 1):>9.1f} % above the bound{waits}")


def _fleet(knots: FloatArray, rows: list[FloatArray], cores: FloatArray) -> Fleet:
    names = tuple(f"node-{row}" for row in range(len(rows)))
    return Fleet(names, PowerCurves(knots, np.array(rows)), cores, np.zeros(len(rows)))


def _published() -> Fleet:
    """Return equal numbers of the four types at their training means of temperature and pressure."""
    rows = []
    for kind, (temperature, pressure) in CONDITIONS.items():
        table = np.loadtxt(TABLES / f"{kind}.csv", delimiter=",", skiprows=1)
        near = np.abs(table[:, 1] - temperature) + np.abs(table[:, 2] - pressure)
        rows += [monotone(table[near == near.min(), 3][:41])] * (NODES // len(CONDITIONS))
    return _fleet(np.append(0.0, np.arange(1, 41) * 2.5), rows, np.full(len(rows), 32.0))


def _spec(file: Path) -> Fleet:
    """Return servers of 16 cores or more, drawn from a table of SPECpower results."""
    with file.open(encoding="utf-8", newline="") as text:
        listed = [row for row in csv.DictReader(text) if float(row["cores"]) >= 16]
    drawn = np.random.default_rng(5).choice(len(listed), NODES)
    rows = [monotone([float(listed[row][f"w_{load}"]) for load in range(0, 101, 10)]) for row in drawn]
    return _fleet(np.arange(0.0, 101.0, 10.0), rows, np.array([float(listed[row]["cores"]) for row in drawn]))
