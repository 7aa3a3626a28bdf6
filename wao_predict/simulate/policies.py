"""Policies that choose a node for one pod after another: ours, those of Kubernetes, and those of others. Pure.

* `least-allocated`: NodeResourcesFit of kube-scheduler with its default strategy, the stock scheduler.
* `most-allocated`: the same with the strategy MostAllocated, which packs.
* `random`: any node with room.
* `reference`: the Go reference (wao-scheduler/pkg/plugins/minimizepower): whole watts, whole scores, and load that is
  only seen in the next sample.
* `peaks`: Peaks of Trimaran (sigs.k8s.io/scheduler-plugins): the increase by an exponential power model.
* `marginal`, `lookahead`, `floor`: the rules of `wao_predict.increase`, as the scheduler uses them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from wao_predict.arrays import FloatArray
from wao_predict.curves import PowerCurves
from wao_predict.errors import UsageError
from wao_predict.increase import Rule
from wao_predict.increase_cache import IncreaseCache
from wao_predict.simulate.nodes import SimulatedNodes

SAMPLE_AGE = 30.0
"""Time between two samples that the reference sees [s]: its metricsCacheTTL; metrics-server adds 15 s and more."""


class Policy(Protocol):
    """Chooses nodes during one simulation."""

    def costs(self, nodes: SimulatedNodes, cores: float) -> FloatArray:
        """Return what a pod costs on each node, shape (n_nodes,): the pod goes to the lowest cost where it fits.

        The unit is the policy's own. Among equal nodes the one with the most CPU in use is chosen. The caller may not
        write to the array.

        Parameters
        ----------
        nodes
            The nodes.
        cores
            CPU request of the pod [cores].
        """
        ...


class LeastAllocated:
    """Choose the node with the smallest fraction of its CPU requested, as the stock scheduler does."""

    def costs(self, nodes: SimulatedNodes, cores: float) -> FloatArray:
        """Return the fraction of CPU requested with the pod."""
        result: FloatArray = (nodes.requested + cores) / nodes.capacity
        return result


class MostAllocated:
    """Choose the node with the largest fraction of its CPU requested."""

    def costs(self, nodes: SimulatedNodes, cores: float) -> FloatArray:
        """Return the fraction of CPU that stays free with the pod."""
        result: FloatArray = 1.0 - (nodes.requested + cores) / nodes.capacity
        return result


class AnyNode:
    """Choose a node at random."""

    def __init__(self, draw: np.random.Generator) -> None:
        self._draw = draw

    def costs(self, nodes: SimulatedNodes, cores: float) -> FloatArray:
        """Return random numbers."""
        return self._draw.random(len(nodes))


class Reference:
    """Choose by increases in whole watts and whole scores, on load as it was at the last sample."""

    def __init__(self, nodes: SimulatedNodes, draw: np.random.Generator) -> None:
        self._draw, self._seen, self._seen_at = draw, nodes.load.copy(), 0.0

    def costs(self, nodes: SimulatedNodes, cores: float) -> FloatArray:
        """Return scores from 20 to 100, negative; equal ones differ by a random fraction."""
        if nodes.now - self._seen_at >= SAMPLE_AGE:
            self._seen, self._seen_at = nodes.load.copy(), nodes.now
        before, after = nodes.curves.at(np.stack([self._seen, self._seen + cores * nodes.percent]))
        whole = np.maximum(np.trunc(after - before), 0.0)
        fitting = whole[nodes.fits(cores)]
        lowest, highest = (fitting.min(), fitting.max()) if fitting.size else (0.0, 0.0)
        scores = 100.0 - (whole - lowest) * 80.0 // max(highest - lowest, 1.0)
        result: FloatArray = self._draw.random(len(nodes)) - scores
        return result


class Peaks:
    """Choose the lowest increase by a power model `a + b exp(c load)` that is fitted to each node's curve."""

    def __init__(self) -> None:
        self._curves: PowerCurves | None = None

    def costs(self, nodes: SimulatedNodes, cores: float) -> FloatArray:
        """Return the increase by the fit [W]."""
        if self._curves is not nodes.curves:
            self._curves = nodes.curves
            self._height, self._bend = fit_exponential(nodes.curves)
        before = nodes.used / nodes.capacity
        after = before + cores / nodes.capacity
        result: FloatArray = self._height * (np.exp(self._bend * after) - np.exp(self._bend * before))
        return result


BENDS = np.concatenate([-np.geomspace(8, 0.05, 25), np.geomspace(0.05, 8, 25)])
"""Values of c that `fit_exponential` tries: loads go from 0 to 1."""


def fit_exponential(curves: PowerCurves) -> tuple[FloatArray, FloatArray]:
    """Return b [W] and c of the least-squares fit `a + b exp(c load)` to each curve, with loads from 0 to 1.

    Returns
    -------
    Two arrays of shape (n,).

    Examples
    --------
    >>> curves = PowerCurves(np.array([0.0, 50.0, 100.0]), 100 + 20 * np.exp(np.array([[0.0, 0.5, 1.0]])))
    >>> height, bend = fit_exponential(curves)
    >>> bool(abs(bend[0] - 1.0) < 0.15)
    True
    """
    x, watts = curves.knots / 100.0, curves.watts.T
    best = np.full(len(curves), np.inf)
    height, bend = np.zeros(len(curves)), np.ones(len(curves))
    for value in BENDS.tolist():
        matrix = np.column_stack([np.ones_like(x), np.exp(value * x)])
        fit = np.linalg.lstsq(matrix, watts, rcond=None)[0]
        error = ((matrix @ fit - watts) ** 2).sum(axis=0)
        better = error < best
        best[better], height[better], bend[better] = error[better], fit[1][better], value
    return height, bend


class ByRule:
    """Choose the lowest increase by a rule of `wao_predict.increase`, as the scheduler does.

    Parameters
    ----------
    rule
        The rule.
    """

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._curves: PowerCurves | None = None
        self._cache: IncreaseCache | None = None

    def costs(self, nodes: SimulatedNodes, cores: float) -> FloatArray:
        """Return the increase [W]."""
        if self._cache is None or self._curves is not nodes.rule_curves:
            self._curves = nodes.rule_curves
            self._cache = IncreaseCache(nodes.rule_curves, nodes.percent, before=self._cache)
        return self._cache.of(nodes.load, cores, self.rule, floor=nodes.floor)


Maker = Callable[[SimulatedNodes, np.random.Generator], Policy]
POLICIES: dict[str, Maker] = {
    "least-allocated": lambda nodes, draw: LeastAllocated(),
    "most-allocated": lambda nodes, draw: MostAllocated(),
    "random": lambda nodes, draw: AnyNode(draw),
    "reference": Reference,
    "peaks": lambda nodes, draw: Peaks(),
    "marginal": lambda nodes, draw: ByRule("marginal"),
    "lookahead": lambda nodes, draw: ByRule("lookahead"),
    "floor": lambda nodes, draw: ByRule("floor"),
}
"""What makes each policy for one simulation, by name; the first is what others are compared with."""


def policy_of(name: str) -> Maker:
    """Return what makes a policy.

    Raises
    ------
    UsageError
        The name is unknown.
    """
    if name not in POLICIES:
        raise UsageError(f"no policy {name!r:.40}; there are {', '.join(POLICIES)}")
    return POLICIES[name]
