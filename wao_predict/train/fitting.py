"""The training loop: mean relative absolute error, Adam with a one-cycle schedule, reproducible by seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from wao_predict.arrays import FloatArray
from wao_predict.train.network import CurveNetwork, Scale
from wao_predict.train.ticks import Ticks

OnEpoch = Callable[[int, int, float], None]
"""Called after each epoch with its number (from 1), the number of epochs, and the mean relative error [%]."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Hyperparameters: width of the hidden layers, epochs, peak learning rate, rows per step, and seed.

    `directions` has 1 or -1 for features in which power never falls, or never rises; `device` is one of torch.
    """

    hidden: int
    epochs: int
    learning_rate: float
    batch_rows: int
    seed: int
    directions: Mapping[str, int] = field(default_factory=dict)
    device: str = "cpu"


@dataclass(frozen=True, slots=True)
class Rows:
    """Training rows: X of shape (n, n_features), cpu_usage first, with watts and weights of shape (n,)."""

    X: FloatArray
    watts: FloatArray
    weights: FloatArray


@dataclass(frozen=True, slots=True)
class Batches:
    """Training rows grouped by the features other than load, so that the network is evaluated once per group.

    Attributes
    ----------
    readings
        One row of each group, shape (c, n_features); its cpu_usage has no meaning.
    starts
        First row of each group, shape (c + 1,): group i has the rows starts[i] to starts[i + 1].
    step, fraction
        Position of each row between the knots `step` and `step + 1`, shape (n,).
    watts, weights
        Measured power [W] and weight of each row, shape (n,).
    """

    readings: Tensor
    starts: Tensor
    step: Tensor
    fraction: Tensor
    watts: Tensor
    weights: Tensor

    @classmethod
    def group(cls, rows: Rows, knots: FloatArray, device: str) -> Batches:
        """Return the groups of rows."""
        readings = rows.X.copy()
        readings[:, 0] = knots[0]
        readings, group = np.unique(readings, axis=0, return_inverse=True)
        order = np.argsort(group.reshape(-1), kind="stable")
        starts = np.searchsorted(group.reshape(-1)[order], np.arange(len(readings) + 1))
        cpu = rows.X[order, 0]
        step = np.clip(np.searchsorted(knots, cpu, side="right") - 1, 0, len(knots) - 2)
        fraction = np.clip((cpu - knots[step]) / (knots[step + 1] - knots[step]), 0.0, 1.0)
        floats = [torch.tensor(a, dtype=torch.float32) for a in (fraction, rows.watts[order], rows.weights[order])]
        parts = torch.tensor(readings, dtype=torch.float32), torch.tensor(starts), torch.tensor(step), *floats
        return cls(*(part.to(device) for part in parts))

    def loss(self, network: CurveNetwork, groups: Tensor) -> Tensor:
        """Return the weighted mean of the relative absolute error over the rows of these groups."""
        counts = self.starts[groups + 1] - self.starts[groups]
        local = torch.repeat_interleave(torch.arange(len(groups), device=groups.device), counts)
        first = self.starts[groups] - (torch.cumsum(counts, 0) - counts)
        rows = torch.arange(int(counts.sum()), device=groups.device) + first[local]
        curve, step, fraction = network.curve(self.readings[groups]), self.step[rows], self.fraction[rows]
        watts = curve[local, step] * (1.0 - fraction) + curve[local, step + 1] * fraction
        weights = self.weights[rows]
        return torch.sum(torch.abs(watts - self.watts[rows]) / self.watts[rows] * weights) / torch.sum(weights)


def mean_scale(rows: Rows, ticks: Ticks, directions: Mapping[str, int]) -> Scale:
    """Return the mean power curve as a scale, with the mean curves over features with a direction.

    The latter are curves of the remaining watts. Watts are averaged at each tick, with a small minimum increase.
    """
    idle, rises = _mean_curve(rows.X[:, 0], rows.watts, rows.weights, ticks.knots)
    scales = {"cpu_usage": rises}
    names = list(ticks)
    left = rows.watts - np.interp(rows.X[:, 0], ticks.knots, idle + np.concatenate([[0.0], np.cumsum(rises)]))
    for name, direction in directions.items():
        column = rows.X[:, names.index(name)]
        lowest = float(left.min())
        sign = 1.0 if direction > 0 else -1.0
        ends = np.sort(sign * ticks[name])
        start, rises = _mean_curve(sign * column, left - lowest + idle, rows.weights, ends)
        left = left - np.interp(sign * column, ends, start + np.concatenate([[0.0], np.cumsum(rises)])) + idle - lowest
        scales[name] = rises if direction > 0 else rises[::-1]
        idle = max(0.1 * idle, start + lowest)
    return Scale(float(idle), scales)


def _mean_curve(
    values: FloatArray, watts: FloatArray, weights: FloatArray, knots: FloatArray
) -> tuple[float, FloatArray]:
    """Return the mean watts at the first knot, and the increase from each knot to the next, above 0."""
    nearest = np.abs(values[:, None] - knots[None, :]).argmin(axis=1)
    counts = np.bincount(nearest, weights=weights, minlength=len(knots))
    met = counts > 0
    means = np.bincount(nearest, weights=watts * weights, minlength=len(knots))[met] / counts[met]
    curve = np.maximum.accumulate(np.interp(knots, knots[met], means))
    widths = np.diff(knots) / (knots[-1] - knots[0])
    least = 0.2 * max(curve[-1] - curve[0], 0.01 * curve[0]) * widths
    return float(curve[0]), np.maximum(np.diff(curve), least)


def train(
    rows: Rows, ticks: Ticks, *, settings: Settings, on_epoch: OnEpoch | None = None
) -> tuple[CurveNetwork, list[float]]:
    """Return a trained network and its mean relative error [%] after each epoch."""
    with _reproducible(settings):
        scale = mean_scale(rows, ticks, settings.directions)
        network = CurveNetwork(ticks, scale, settings.hidden, settings.directions).to(settings.device)
        batches = Batches.group(rows, ticks.knots, settings.device)
        losses = []
        for epoch, loss in enumerate(_epochs(network, batches, settings), start=1):
            losses.append(100.0 * loss)
            if on_epoch:
                on_epoch(epoch, settings.epochs, losses[-1])
    return network.eval().cpu(), losses


def _epochs(network: CurveNetwork, batches: Batches, settings: Settings) -> Iterator[float]:
    groups = len(batches.readings)
    per_batch = max(1, round(settings.batch_rows * groups / len(batches.watts)))
    steps = settings.epochs * -(-groups // per_batch)
    optimiser = torch.optim.Adam(network.parameters(), settings.learning_rate)
    # the schedule divides by the length of the ascent minus one step, which must not be 0
    ascent = min(0.6, max(0.1, 2.0 / steps))
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.learning_rate, total_steps=steps, pct_start=ascent)
    for _ in range(settings.epochs):
        total = 0.0
        for chosen in torch.randperm(groups).to(settings.device).split(per_batch):
            loss = batches.loss(network, chosen)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rate.step()
            total += float(loss.detach()) * len(chosen)
        yield total / groups


@contextmanager
def _reproducible(settings: Settings) -> Iterator[None]:
    """Use one thread, deterministic algorithms and a separate random state, and restore the settings afterwards.

    CUDA has no deterministic algorithm for some operations; there, they are not required.
    """
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(settings.device == "cpu")
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(deterministic)
            torch.set_num_threads(threads)
