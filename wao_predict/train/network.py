"""The power model as a torch module: monotone non-decreasing in CPU usage by construction.

The other features are encoded as ramps between ticks (piecewise linear encoding: Gorishniy, Rubachev, Babenko, "On
Embeddings for Numerical Features in Tabular Deep Learning", 2022). A small network computes the idle power and one
non-negative increase (softplus) per step between the knots of the curve. Power is linear between the knots. A ramp
rises from 0 to 1 between two ticks and is constant outside, so the model is constant outside its trained range.

A feature with a declared direction, such as the load of a GPU, is a second curve of non-negative increases. The curves
add up, and each depends on the features without a direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from wao_predict.arrays import FloatArray
from wao_predict.train.ticks import Ticks


@dataclass(frozen=True, slots=True)
class Scale:
    """Factors for the raw outputs of the network: idle power [W], and the mean increase of each step [W] by feature.

    The features are cpu_usage first, then those with a direction.
    """

    idle: float
    rises: Mapping[str, FloatArray]


class Ramps(nn.Module):
    """Encoding of one feature as len(ticks) - 1 ramps from 0 to 1; a constant feature is a single 0."""

    lower: Tensor
    slope: Tensor

    def __init__(self, ticks: FloatArray) -> None:
        super().__init__()
        lower, width = (ticks[:-1], np.diff(ticks)) if len(ticks) > 1 else (ticks, np.array([np.inf]))
        self.register_buffer("lower", torch.tensor(lower, dtype=torch.float32))
        self.register_buffer("slope", torch.tensor(1.0 / width, dtype=torch.float32))

    def forward(self, values: Tensor) -> Tensor:
        """Return ramps of shape (n, len(ticks) - 1) for values of shape (n, 1)."""
        return torch.clamp((values - self.lower) * self.slope, 0.0, 1.0)


class CurveNetwork(nn.Module):
    """Watts from cpu_usage and other features, by the power curve at these other features.

    Parameters
    ----------
    ticks
        Ticks of each feature in the order of the columns, cpu_usage first.
    scale
        Factors of the raw outputs.
    hidden
        Units of each hidden layer.
    directions
        1 or -1 for features in which power never falls, or never rises. They are in `scale` too.
    """

    idle_scale: Tensor
    rise_scale: Tensor

    def __init__(self, ticks: Ticks, scale: Scale, hidden: int, directions: Mapping[str, int] | None = None) -> None:
        super().__init__()
        names = list(ticks)
        self.directions = dict(directions or {})
        self.cpu_ramps = Ramps(ticks.knots)
        self.directed = [names.index(name) for name in self.directions]
        self.free = [place for place in range(1, len(names)) if place not in self.directed]
        self.directed_ramps = nn.ModuleList(Ramps(ticks[name]) for name in self.directions)
        encoded = [ticks[names[place]] for place in self.free]
        if not self.free:  # the network has a constant as its input
            self.free, encoded = [0], [ticks.knots[:1]]
        self.free_ramps = nn.ModuleList(Ramps(values) for values in encoded)
        self.steps = [len(scale.rises[name]) for name in self.directions]
        rises = np.concatenate([*(scale.rises[name] for name in self.directions), scale.rises[names[0]]])
        self.register_buffer("idle_scale", torch.tensor(scale.idle, dtype=torch.float32))
        self.register_buffer("rise_scale", torch.tensor(rises, dtype=torch.float32))
        width = sum(len(ramps.lower) for ramps in self.free_ramps)
        self.body = nn.Sequential(nn.Linear(width, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.head = nn.Linear(hidden, 1 + len(rises))
        with torch.no_grad():  # start at the mean curve: idle_scale * 1, rise_scale * softplus(0.5413) = rise_scale * 1
            self.head.weight.mul_(0.1)
            self.head.bias.fill_(0.5413)
            self.head.bias[0] = 1.0

    def parts(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Return the watts at idle as terms of a sum, shape (n, 1 + d), and the increases by CPU, shape (n, k - 1).

        X has shape (n, n_features); its first column, cpu_usage, has no effect. d is the number of steps of the
        features with a direction.
        """
        encoded = [ramps(X[:, place, None]) for place, ramps in zip(self.free, self.free_ramps, strict=True)]
        raw = self.head(self.body(torch.cat(encoded, dim=1)))
        idle = raw[:, :1] * self.idle_scale
        rises = nn.functional.softplus(raw[:, 1:]) * self.rise_scale
        *directed, rises = rises.split([*self.steps, rises.shape[1] - sum(self.steps)], dim=1)
        return torch.cat([idle, *self._directed_terms(X, directed)], dim=1), rises

    def _directed_terms(self, X: Tensor, rises: list[Tensor]) -> list[Tensor]:
        terms = []
        for place, ramps, direction, rise in zip(
            self.directed, self.directed_ramps, self.directions.values(), rises, strict=True
        ):
            up = ramps(X[:, place, None])
            terms.append(rise * (up if direction > 0 else 1.0 - up))
        return terms

    def curve(self, X: Tensor) -> Tensor:
        """Return watts at every knot, shape (n, k), for X of shape (n, n_features) without regard to cpu_usage."""
        return torch.cumsum(torch.cat(self.parts(X), dim=1), dim=1)[:, sum(self.steps) :]

    def forward(self, X: Tensor) -> Tensor:
        """Return watts of shape (n,) for X of shape (n, n_features)."""
        idle, rises = self.parts(X)
        # each term is monotone, and the order of the sum is fixed: also monotone after rounding to float32
        return torch.cat([idle, rises * self.cpu_ramps(X[:, :1])], dim=1).cumsum(dim=1)[:, -1]
