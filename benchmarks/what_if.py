"""What n equal pods would cost: the exact answer's time, and what one-by-one placing gives away beyond it."""

from __future__ import annotations

import numpy as np

from benchmarks.increase import curves_of
from benchmarks.timing import quantiles
from wao_predict.fleet import EXACT_WORK, Fleet

SIZES = ((40, 100, 2.0), (1000, 5, 0.5), (1000, 1000, 2.0), (5000, 100, 0.5), (5000, 1000, 2.0), (5000, 1000, 0.5))


def main() -> None:
    """Print one line per number of nodes, of pods and size of pods."""
    print(f"{'nodes':>6}{'pods':>6}{'cores':>7}{'method':>11}{'p50':>12}{'increase':>14}{'excess at most':>17}")
    for nodes, pods, cores in SIZES:
        draw = np.random.default_rng(nodes)
        names = tuple(f"node-{row}" for row in range(nodes))
        fleet = Fleet(names, curves_of(nodes), np.full(nodes, 32.0), draw.uniform(0.5, 20, nodes))
        for bound in (EXACT_WORK, 0):
            result = fleet.what_if(cores, pods, exact_work=bound)
            p50, _ = quantiles(
                lambda fleet=fleet, cores=cores, pods=pods, bound=bound: fleet.what_if(cores, pods, exact_work=bound),  # type: ignore[misc]
                repeats=3,
                warm=0,
            )
            line = f"{nodes:>6}{pods:>6}{cores:>7g}{result.method:>11}{p50:>9.1f} ms"
            print(line + f"{result.total_increase:>12.3f} W{result.excess:>15.3f} W")
            if result.method == "lookahead":
                break
