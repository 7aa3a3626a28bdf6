"""The training loop: mean relative absolute error, Adam with a one-cycle schedule, reproducible by seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

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
    """Hyperparameters: width of the hidden layers, epochs, peak learning rate, rows per step, and seed."""

    hidden: int
    epochs: int
    learning_rate: float
    batch_rows: int
    seed: int


@dataclass(frozen=True, slots=True)
class Batches:
    """Training rows grouped by sensor readings, so that the network is evaluated once per group.

    Attributes
    ----------
    readings
        Distinct pairs (inlet_temp, delta_p), shape (c, 2).
    starts
        First row of each group, shape (c + 1,): group i has the rows starts[i] to starts[i + 1].
    step, fraction
        Position of each row between the knots `step` and `step + 1`, shape (n,).
    watts
        Measured power [W], shape (n,).
    """

    readings: Tensor
    starts: Tensor
    step: Tensor
    fraction: Tensor
    watts: Tensor

    @classmethod
    def group(cls, X: FloatArray, watts: FloatArray, knots: FloatArray) -> Batches:
        """Return the groups of the rows X, shape (n, 3), with their watts, shape (n,)."""
        readings, group = np.unique(X[:, 1:], axis=0, return_inverse=True)
        order = np.argsort(group.reshape(-1), kind="stable")
        starts = np.searchsorted(group.reshape(-1)[order], np.arange(len(readings) + 1))
        cpu = X[order, 0]
        step = np.clip(np.searchsorted(knots, cpu, side="right") - 1, 0, len(knots) - 2)
        fraction = np.clip((cpu - knots[step]) / (knots[step + 1] - knots[step]), 0.0, 1.0)
        return cls(
            torch.tensor(readings, dtype=torch.float32),
            torch.tensor(starts),
            torch.tensor(step),
            torch.tensor(fraction, dtype=torch.float32),
            torch.tensor(watts[order], dtype=torch.float32),
        )

    def loss(self, network: CurveNetwork, groups: Tensor) -> Tensor:
        """Return the mean relative absolute error over the rows of these groups."""
        counts = self.starts[groups + 1] - self.starts[groups]
        local = torch.repeat_interleave(torch.arange(len(groups)), counts)
        first = self.starts[groups] - (torch.cumsum(counts, 0) - counts)
        rows = torch.arange(int(counts.sum())) + first[local]
        curve, step, fraction = network.curve(self.readings[groups]), self.step[rows], self.fraction[rows]
        watts = curve[local, step] * (1.0 - fraction) + curve[local, step + 1] * fraction
        return torch.mean(torch.abs(watts - self.watts[rows]) / self.watts[rows])


def mean_scale(cpu: FloatArray, watts: FloatArray, knots: FloatArray) -> Scale:
    """Return the mean power curve as a scale: watts averaged at each knot, with a small minimum increase per step."""
    nearest = np.abs(cpu[:, None] - knots[None, :]).argmin(axis=1)
    counts = np.bincount(nearest, minlength=len(knots))
    met = counts > 0
    means = np.bincount(nearest, weights=watts, minlength=len(knots))[met] / counts[met]
    curve = np.maximum.accumulate(np.interp(knots, knots[met], means))
    widths = np.diff(knots) / (knots[-1] - knots[0])
    least = 0.2 * max(curve[-1] - curve[0], 0.01 * curve[0]) * widths
    return Scale(float(curve[0]), np.maximum(np.diff(curve), least))


def train(
    X: FloatArray, watts: FloatArray, ticks: Ticks, *, settings: Settings, on_epoch: OnEpoch | None = None
) -> tuple[CurveNetwork, list[float]]:
    """Return a trained network and its mean relative error [%] after each epoch."""
    with _reproducible(settings.seed):
        network = CurveNetwork(ticks, mean_scale(X[:, 0], watts, ticks.cpu_usage), settings.hidden)
        batches = Batches.group(X, watts, ticks.cpu_usage)
        losses = []
        for epoch, loss in enumerate(_epochs(network, batches, settings), start=1):
            losses.append(100.0 * loss)
            if on_epoch:
                on_epoch(epoch, settings.epochs, losses[-1])
    return network.eval(), losses


def _epochs(network: CurveNetwork, batches: Batches, settings: Settings) -> Iterator[float]:
    groups = len(batches.readings)
    per_batch = max(1, round(settings.batch_rows * groups / len(batches.watts)))
    steps = settings.epochs * -(-groups // per_batch)
    optimiser = torch.optim.Adam(network.parameters(), settings.learning_rate)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.learning_rate, total_steps=steps, pct_start=0.1)
    for _ in range(settings.epochs):
        total = 0.0
        for chosen in torch.randperm(groups).split(per_batch):
            loss = batches.loss(network, chosen)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rate.step()
            total += float(loss.detach()) * len(chosen)
        yield total / groups


@contextmanager
def _reproducible(seed: int) -> Iterator[None]:
    """Use one thread, deterministic algorithms and a separate random state, and restore the settings afterwards."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(deterministic)
            torch.set_num_threads(threads)
