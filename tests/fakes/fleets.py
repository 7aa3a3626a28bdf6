"""Fleets and power curves: random ones, and those of the included models."""

from __future__ import annotations

import numpy as np

from wao_predict.curves import DEFAULT_KNOTS, PowerCurves, monotone
from wao_predict.fleet import Fleet, curves_of_models

CONDITIONS = {
    "edge_lenovo": (28.0, 2.65),
    "edge_supermicro": (27.8, 2.75),
    "cloud_dell": (21.1, 11.4),
    "cloud_lenovo": (20.8, 11.1),
}


def fleet_of(**counts: int) -> Fleet:
    """Return idle nodes of 32 cores with included models, at the mean conditions of their training data."""
    models = [name for name, count in counts.items() for _ in range(count)]
    temperature, pressure = np.array([CONDITIONS[name] for name in models]).T
    names = tuple(f"node-{row}" for row in range(len(models)))
    curves = curves_of_models(models, temperature, pressure)
    return Fleet(names, curves, np.full(len(models), 32.0), np.zeros(len(models)))


def small_fleet(seed: int, nodes: int) -> Fleet:
    """Return nodes of 4 or 8 cores with random curves and up to 40 % of load."""
    draw = np.random.default_rng(seed)
    capacity = draw.choice([4.0, 8.0], nodes)
    names = tuple(f"n{index}" for index in range(nodes))
    return Fleet(names, curves_of(seed, nodes, DEFAULT_KNOTS), capacity, capacity * draw.uniform(0, 0.4, nodes))


def curves_of(seed: int, nodes: int, knots: np.ndarray) -> PowerCurves:
    """Return random curves of all shapes: concave, convex, stepwise, flat."""
    draw = np.random.default_rng(seed)
    steps = draw.exponential(5, (nodes, knots.size)) * (draw.random((nodes, knots.size)) > draw.random((nodes, 1)))
    steps *= np.linspace(1, 0.1, knots.size) ** draw.integers(-2, 3, (nodes, 1))
    return PowerCurves(knots, monotone(100 + np.cumsum(steps, axis=1)))
