"""The power model as a torch module: monotone non-decreasing in CPU usage by construction.

Inlet temperature and pressure are encoded as ramps between ticks (piecewise linear encoding: Gorishniy, Rubachev,
Babenko, "On Embeddings for Numerical Features in Tabular Deep Learning", 2022). A small network computes the idle power
and one non-negative increase (softplus) per step between the knots of the curve. Power is linear between the knots. A
ramp rises from 0 to 1 between two ticks and is constant outside, so the model is constant outside its trained range.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from wao_predict.train.ticks import Ticks


@dataclass(frozen=True, slots=True)
class Scale:
    """Factors for the raw outputs of the network: idle power [W], and the mean increase of each step [W]."""

    idle: float
    rises: NDArray[np.float64]


class Ramps(nn.Module):
    """Encoding of one feature as len(ticks) - 1 ramps from 0 to 1; a constant feature is a single 0."""

    lower: Tensor
    slope: Tensor

    def __init__(self, ticks: NDArray[np.float64]) -> None:
        super().__init__()
        lower, width = (ticks[:-1], np.diff(ticks)) if len(ticks) > 1 else (ticks, np.array([np.inf]))
        self.register_buffer("lower", torch.tensor(lower, dtype=torch.float32))
        self.register_buffer("slope", torch.tensor(1.0 / width, dtype=torch.float32))

    def forward(self, values: Tensor) -> Tensor:
        """Return ramps of shape (n, len(ticks) - 1) for values of shape (n, 1)."""
        return torch.clamp((values - self.lower) * self.slope, 0.0, 1.0)


class CurveNetwork(nn.Module):
    """Watts from (cpu_usage, inlet_temp, delta_p), by the power curve at these sensor readings."""

    idle_scale: Tensor
    rise_scale: Tensor

    def __init__(self, ticks: Ticks, scale: Scale, hidden: int) -> None:
        super().__init__()
        self.cpu_ramps, self.temp_ramps, self.pressure_ramps = (
            Ramps(t) for t in (ticks.cpu_usage, ticks.inlet_temp, ticks.delta_p)
        )
        self.register_buffer("idle_scale", torch.tensor(scale.idle, dtype=torch.float32))
        self.register_buffer("rise_scale", torch.tensor(scale.rises, dtype=torch.float32))
        width = len(self.temp_ramps.lower) + len(self.pressure_ramps.lower)
        self.body = nn.Sequential(nn.Linear(width, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.head = nn.Linear(hidden, 1 + len(scale.rises))
        with (
            torch.no_grad()
        ):  # start at the mean curve: idle_scale * 1, and rise_scale * softplus(0.5413) = rise_scale * 1
            self.head.weight.mul_(0.1)
            self.head.bias.fill_(0.5413)
            self.head.bias[0] = 1.0

    def parts(self, readings: Tensor) -> tuple[Tensor, Tensor]:
        """Return idle watts, shape (n, 1), and increases, shape (n, k - 1), for readings of shape (n, 2)."""
        encoded = torch.cat([self.temp_ramps(readings[:, :1]), self.pressure_ramps(readings[:, 1:])], dim=1)
        raw = self.head(self.body(encoded))
        idle = raw[:, :1] * self.idle_scale
        return idle, nn.functional.softplus(raw[:, 1:]) * self.rise_scale

    def curve(self, readings: Tensor) -> Tensor:
        """Return watts at every knot, shape (n, k)."""
        return torch.cumsum(torch.cat(self.parts(readings), dim=1), dim=1)

    def forward(self, X: Tensor) -> Tensor:
        """Return watts of shape (n,) for X of shape (n, 3)."""
        idle, rises = self.parts(X[:, 1:])
        # each term is monotone, and the order of the sum is fixed: also monotone after rounding to float32
        return torch.cat([idle, rises * self.cpu_ramps(X[:, :1])], dim=1).cumsum(dim=1)[:, -1]
