"""What placements come to: the three fleets on which the reference was measured, and random mixed fleets under load."""

from __future__ import annotations

import numpy as np

from tests.wao_predict.test_fleet import CONDITIONS, fleet_of
from wao_predict.simulate.placement import POLICIES, simulate

CASES = (
    ("20 edge_lenovo + 20 edge_supermicro, 300 pods x 2 cores", {"edge_lenovo": 20, "edge_supermicro": 20}, 300),
    ("40 edge_lenovo, 150 x 2", {"edge_lenovo": 40}, 150),
    ("10 of each of the four types, 400 x 2", dict.fromkeys(CONDITIONS, 10), 400),
)


def main() -> None:
    """Print total watts by policy, and how far look-ahead is from the optimum."""
    print(f"{'total watts after placing':58}" + "".join(f"{name:>11}" for name in POLICIES))
    for title, counts, pods in CASES:
        outcomes = simulate(fleet_of(**counts), 2.0, pods)
        print(f"{title:58}" + "".join(f"{outcome.watts:>11,.0f}" for outcome in outcomes))
    excess: dict[str, list[float]] = {name: [] for name in ("spread", "reference", "marginal", "lookahead")}
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
    print(f"\nabove the optimum on {len(excess['lookahead'])} mixed fleets under load [% of total watts]")
    for name, values in excess.items():
        print(f"  {name:10} mean {np.mean(values):6.2f}   worst {np.max(values):6.2f}")
