"""Pods to draw from, and traces at a constant load that are drawn from them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from wao_predict.arrays import FloatArray, IntArray
from wao_predict.errors import UsageError
from wao_predict.simulate.trace import LONGEST, SHARES, SIGMA, SIZES, Trace

LIFE = 6 * 3600.0
"""Mean lifetime of the pods of `PodMix.of_sizes` [s]."""
_POOL = 2_000
"""Pods in such a mix."""


@dataclass(frozen=True, slots=True, eq=False)
class PodMix:
    """Pods that stand for all others: each is drawn with the same probability.

    Parameters
    ----------
    request, use
        CPU request and CPU use [cores], above 0, shape (n,).
    duration
        Running time [s], above 0 and finite, shape (n,).

    Raises
    ------
    UsageError
        There is no pod, the lengths differ, or a value is not usable.

    Examples
    --------
    >>> mix = PodMix(np.array([2.0]), np.array([2.0]), np.array([3600.0]))
    >>> trace = mix.trace(100.0, seed=1, horizon=7200.0)
    >>> bool(abs(trace.offered_cores() - 100.0) < 20)
    True
    """

    request: FloatArray
    use: FloatArray
    duration: FloatArray

    def __post_init__(self) -> None:
        count = len(self.request)
        for item in fields(self):
            values = getattr(self, item.name)
            if len(values) != count or count == 0:
                raise UsageError(
                    f"{len(values)} values of {item.name} for {count} pods: give one for each of 1 or more"
                )
            if not (np.isfinite(values) & (values > 0)).all():
                raise UsageError(f"{item.name} of pods: give finite numbers above 0")

    @classmethod
    def of_sizes(cls, cores: float | None = None) -> PodMix:
        """Return pods of one size, or of the sizes that `daily_trace` draws, living 6 h on average (log-normal).

        Parameters
        ----------
        cores
            CPU request and use of each pod [cores]; None for mixed sizes from 0.25 to 8 cores.
        """
        draw = np.random.default_rng(0)
        request = draw.choice(SIZES, _POOL, p=SHARES) if cores is None else np.full(_POOL, float(cores))
        life = np.minimum(draw.lognormal(0.0, SIGMA, _POOL), LONGEST)
        return cls(request, request, life * LIFE / life.mean())

    @classmethod
    def of_trace(cls, trace: Trace) -> PodMix:
        """Return the pods of a trace; one that stays counts with the length of the trace.

        Raises
        ------
        UsageError
            No pod of the trace uses CPU.
        """
        used = trace.use > 0
        if not used.any():
            raise UsageError("no pod of the table uses CPU: give cpu_use above 0, or leave the column out")
        duration = np.where(np.isfinite(trace.duration), trace.duration, trace.horizon)
        return cls(trace.request[used], trace.use[used], duration[used])

    def trace(self, cores: float, *, seed: int, horizon: float) -> Trace:
        """Draw pods that together use a constant amount of CPU on average, from the first moment on.

        Parameters
        ----------
        cores
            Mean CPU use of the pods that run at a time [cores].
        seed
            Seed of the random numbers.
        horizon
            End of the simulated time [s].

        Notes
        -----
        Arrivals are a Poisson process. The pods that run at the beginning are drawn in proportion to their duration,
        and have a uniformly distributed part of it left (the stationary distribution of such a process).
        """
        draw = np.random.default_rng(seed)
        work = self.use * self.duration
        rate = cores / float(work.mean())
        first = self._pick(draw, int(draw.poisson(rate * self.duration.mean())), self.duration)
        later = self._pick(draw, int(draw.poisson(rate * horizon)))
        chosen = np.concatenate([first, later])
        if not chosen.size:
            chosen = self._pick(draw, 1)
        arrival = np.zeros(chosen.size)
        arrival[first.size :] = horizon * draw.random(chosen.size - first.size)
        left = np.ones(chosen.size)
        left[: first.size] = 1.0 - draw.random(first.size)
        return Trace.of(
            arrival,
            left * self.duration[chosen],
            self.request[chosen],
            use=self.use[chosen],
            movable=np.zeros(chosen.size, dtype=np.bool_),
            horizon=horizon,
        )

    def _pick(self, draw: np.random.Generator, count: int, weight: FloatArray | None = None) -> IntArray:
        return draw.choice(len(self.request), count, p=None if weight is None else weight / weight.sum())
