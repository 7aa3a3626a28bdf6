"""Weights of many Services, and what they save on the shipped models' curves."""

from __future__ import annotations

import numpy as np

from benchmarks.timing import quantiles
from tests.wao_lb.test_weights import endpoints, saving
from tests.wao_predict.test_increase import curves_of
from wao_lb.weights import lookahead, proportional
from wao_predict.curves import DEFAULT_KNOTS

FLEETS = {
    "5 edge_lenovo + 5 edge_supermicro": ["edge_lenovo"] * 5 + ["edge_supermicro"] * 5,
    "10 edge_lenovo": ["edge_lenovo"] * 10,
    "5 cloud_dell + 5 cloud_lenovo": ["cloud_dell"] * 5 + ["cloud_lenovo"] * 5,
}


def main() -> None:
    """Print the time for one Service of 50 endpoints, and the increase relative to equal weights."""
    draw = np.random.default_rng(0)
    pods = draw.uniform(0.1, 2.0, 50)
    asked = endpoints(curves_of(1, 50, DEFAULT_KNOTS), draw.uniform(1, 10, 50) + pods, pods=pods)
    for name, rule in (("proportional", proportional), ("lookahead", lookahead)):
        p50, _ = quantiles(lambda rule=rule: rule(asked, 0.1), repeats=50)  # type: ignore[misc]
        print(f"{name:13} one Service x 50 endpoints: {p50:.3f} ms, so 1,000 Services: {p50 / 1e3 * 1000:.2f} s")
    print(f"\n{'increase relative to equal weights':38}{'background/load':>17}{'proportional':>14}{'lookahead':>11}")
    for title, types in FLEETS.items():
        for background, load in ((10, 5), (10, 30), (30, 15)):
            found = saving(types, background, load)
            print(f"{title:38}{f'{background}/{load} %':>17}{found['prop']:>14.2f}{found['fill']:>11.2f}")
