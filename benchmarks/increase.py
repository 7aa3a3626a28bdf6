"""The increase rules over many nodes, and isotonic regression."""

from __future__ import annotations

import numpy as np

from benchmarks.figures import record
from benchmarks.timing import quantiles
from wao_predict.curves import DEFAULT_KNOTS, PowerCurves, monotone
from wao_predict.increase import RULES, IncreaseTable


def curves_of(nodes: int) -> PowerCurves:
    """Return concave, stepwise curves with noise, as the published models have."""
    draw = np.random.default_rng(0)
    steps = draw.exponential(4.0, (nodes, DEFAULT_KNOTS.size)) * (draw.random((nodes, DEFAULT_KNOTS.size)) > 0.5)
    watts = 150.0 + np.cumsum(steps * np.linspace(2.0, 0.1, DEFAULT_KNOTS.size), axis=1)
    return PowerCurves(DEFAULT_KNOTS, monotone(watts + draw.normal(0, 0.5, watts.shape)))


def main() -> None:
    """Print milliseconds by rule and number of nodes."""
    print(f"{'nodes':>8}" + "".join(f"{rule + ' p50':>18}{'p99':>9}" for rule in RULES) + f"{'monotone p50':>18}")
    for nodes in (100, 1000, 5000):
        table = IncreaseTable(curves_of(nodes))
        draw = np.random.default_rng(1)
        load, step = draw.uniform(0, 80, nodes), draw.uniform(0.5, 6, nodes)
        line = f"{nodes:>8}"
        for rule in RULES:
            p50, p99 = quantiles(
                lambda rule=rule, table=table, load=load, step=step: table.increase(load, step, rule=rule)  # type: ignore[misc]
            )
            line += f"{p50:>15.3f} ms{p99:>9.3f}"
            record(f"{rule}, {nodes:,} nodes, p50", p50, "ms")
        noisy = draw.normal(200, 5, (nodes, DEFAULT_KNOTS.size))
        p50, _ = quantiles(lambda noisy=noisy: monotone(noisy), repeats=10)  # type: ignore[misc]
        print(line + f"{p50:>15.2f} ms")
