"""What placements come to: the three fleets on which the reference was measured, and random mixed fleets under load."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.fakes.fleets import CONDITIONS, fleet_of
from wao_predict.by_rule import place_by_rule
from wao_predict.curves import PowerCurves, monotone
from wao_predict.fleet import Fleet
from wao_predict.increase import Rule
from wao_predict.simulate.placement import POLICIES, simulate

RULES_OF_BURSTS: tuple[Rule, ...] = ("lookahead", "floor")
TABLES = Path(__file__).parents[1] / "examples" / "data" / "power"
IDLE_CORES = 0.032
"""CPU in use on each idle node of the tables' fleets [cores]: the 0.1 % at which the tables begin."""
CASES = (
    ("20 edge_lenovo + 20 edge_supermicro, 300 pods x 2 cores", {"edge_lenovo": 20, "edge_supermicro": 20}, 300),
    ("40 edge_lenovo, 150 x 2", {"edge_lenovo": 40}, 150),
    ("10 of each of the four types, 400 x 2", dict.fromkeys(CONDITIONS, 10), 400),
)
MEASURED = ((16346, 10496, 10496), (20010, 17247, 12402), (12189, 9156, 8939))
"""Total watts of the three cases on a live control plane: stock spreading, the reference in a burst, the optimum."""


def fleet_of_tables(counts: dict[str, int]) -> Fleet:
    """Return idle nodes of 32 cores with curves of the published tables at 20 degC and 2 Pa (cloud servers 10 Pa)."""
    rows = []
    for name, count in counts.items():
        table = np.loadtxt(TABLES / f"{name}.csv", delimiter=",", skiprows=1)
        pressure = 10.0 if name.startswith("cloud") else 2.0
        rows += [monotone(table[(table[:, 1] == 20.0) & (table[:, 2] == pressure), 3])] * count
    knots = np.append(0.0, np.arange(1, 41) * 2.5)
    names = tuple(f"node-{row}" for row in range(len(rows)))
    return Fleet(names, PowerCurves(knots, np.array(rows)), np.full(len(rows), 32.0), np.full(len(rows), IDLE_CORES))


def main() -> None:
    """Print total watts by policy, and how far look-ahead is from the optimum."""
    width = max(map(len, POLICIES)) + 2
    print(f"{'total watts after placing':36}" + "".join(f"{name:>{width}}" for name in POLICIES))
    for (title, counts, pods), measured in zip(CASES, MEASURED, strict=True):
        print(title)
        for source, fleet in (
            ("shipped models, training means", fleet_of(**counts)),
            ("published tables, 20 degC", fleet_of_tables(counts)),
        ):
            outcomes = simulate(fleet, 2.0, pods)
            print(f"  {source:34}" + "".join(f"{outcome.watts:>{width},.0f}" for outcome in outcomes))
        found = dict(zip(("spread", "reference_burst", "optimum"), measured, strict=True))
        cells = (f"{found[name]:,}" if name in found else "" for name in POLICIES)
        print(f"  {'reference, measured live':34}" + "".join(f"{cell:>{width}}" for cell in cells))
    _by_rule()
    _under_load()


def _by_rule() -> None:
    """Print how far bursts end above the optimum by the rules of the scheduler; the load before them stays."""
    title = "bursts of pods, above the optimum [% of total watts]"
    print(f"\n{title:68}" + "".join(f"{rule:>10}" for rule in RULES_OF_BURSTS) + "   (wanted: at most 1)")
    mixed = fleet_of(**dict.fromkeys(CONDITIONS, 50))
    base = mixed.capacity_cores * np.random.default_rng(3).uniform(0.001, 0.3, len(mixed))
    for title, fleet, pods in (
        *((f"{title}, tables", fleet_of_tables(counts), pods) for title, counts, pods in CASES),
        *((f"{title}, models", fleet_of(**counts), pods) for title, counts, pods in CASES),
        ("50 of each with a base load of 0.1 to 30 %, 1000 x 2", mixed.with_usage(base), 1000),
    ):
        placed = [place_by_rule(fleet, 2.0, pods, rule) for rule in RULES_OF_BURSTS]
        above = [100.0 * one.excess / (one.watts_before + one.total_increase - one.excess) for one in placed]
        print(f"  {title:66}" + "".join(f"{value:>10.2f}" for value in above))


def _under_load() -> None:
    excess: dict[str, list[float]] = {name: [] for name in POLICIES if name != "optimum"}
    for seed in range(60):
        draw = np.random.default_rng(seed)
        kinds = dict(zip(CONDITIONS, draw.integers(1, 9, 4).tolist(), strict=True))
        fleet = fleet_of(**kinds)
        fleet = fleet.with_usage(32.0 * draw.uniform(0.001, 0.3, len(fleet.names)))
        cores, pods = float(draw.choice([0.5, 1.0, 2.0, 4.0])), int(draw.integers(10, 150))
        if int(np.minimum(fleet.room(cores), pods).sum()) < pods:
            continue
        found = {outcome.policy: outcome.watts for outcome in simulate(fleet, cores, pods)}
        for name, values in excess.items():
            values.append(100.0 * (found[name] / found["optimum"] - 1.0))
    print(
        f"\nabove the optimum on {len(excess['lookahead'])} mixed fleets of 4 to 32 nodes under load [% of total watts]"
    )
    for name, values in excess.items():
        print(f"  {name:16} mean {np.mean(values):6.2f}   worst {np.max(values):6.2f}")
