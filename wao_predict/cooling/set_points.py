"""Set points at which servers and plant together use least: a search over all of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from wao_predict.arrays import BoolArray, FloatArray, IntArray
from wao_predict.cooling.site import Outcomes, Site
from wao_predict.errors import UsageError

REFINED = 5
"""Grid points around which the search is refined."""
FINER = 10
"""Part of a step in a refined search."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a recommendation must respect.

    Attributes
    ----------
    inlet_ceiling
        Highest inlet temperature of any server [degC], None: no ceiling.
    ramps
        Largest change of a set point from its present value, by name; others may change without limit.
    """

    inlet_ceiling: float | None = None
    ramps: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Recommendation:
    """Set points, and what they would save.

    Attributes
    ----------
    present, recommended
        Set points by name.
    before, after
        What they lead to: `Outcomes` of shape ().
    saving_error
        Standard error of the saving [W], None if the error of the plant's model is unknown. Errors at both set points
        count as independent, so it is rather too large.
    allowed
        Whether all limits are met. If none of the reachable set points meets the ceiling, those with the coolest
        inlets are recommended.
    evaluated
        Number of set points that were evaluated.
    """

    present: Mapping[str, float]
    recommended: Mapping[str, float]
    before: Outcomes
    after: Outcomes
    saving_error: float | None
    allowed: bool
    evaluated: int

    @property
    def saving(self) -> float:
        """Power saved [W]; negative where the present set points break the ceiling."""
        return float(self.before.total) - float(self.after.total)

    def as_dict(self) -> dict[str, object]:
        """Return the recommendation as JSON types."""
        return {
            "present": dict(self.present),
            "recommended": dict(self.recommended),
            "before": _numbers(self.before),
            "after": _numbers(self.after),
            "saving_watts": self.saving,
            "saving_percent": 100.0 * self.saving / float(self.before.total),
            "saving_error_watts": self.saving_error,
            "allowed": self.allowed,
            "evaluated": self.evaluated,
        }


def _numbers(outcomes: Outcomes) -> dict[str, float | None]:
    values = {
        "server_watts": outcomes.servers,
        "cooling_watts": outcomes.cooling,
        "total_watts": outcomes.total,
        "supply_air_temp": outcomes.supply_air_temp,
        "hottest_inlet": outcomes.hottest_inlet,
    }
    return {name: float(value) if np.isfinite(value) else None for name, value in values.items()}


def optimize(site: Site, limits: Limits | None = None, *, start: Mapping[str, float] | None = None) -> Recommendation:
    """Return the set points of least total power.

    All combinations of the steps of the set points are evaluated, then those around the best ones in tenths of a step.
    So the answer is never worse than any combination of whole steps.

    Parameters
    ----------
    site
        Plant and servers.
    limits
        What must be respected.
    start
        Set points that ramps and the saving are relative to; default: the present ones.

    Raises
    ------
    UsageError
        A limit names no set point, or the power of the plant is unknown.
    """
    limits, start = limits or Limits(), {**site.present, **(start or {})}
    ranges = _reachable(site, limits, start)
    steps = {point.name: point.step for point in site.points}
    grid = _combinations({name: _ticks(low, high, steps[name], start[name]) for name, (low, high) in ranges.items()})
    best = _ranked(site, grid, limits, start)[: REFINED if _count(grid) > 1 else 1]
    evaluated = _count(grid)
    around = [
        _combinations(
            {
                name: _ticks(
                    max(low, grid[name][row] - steps[name]),
                    min(high, grid[name][row] + steps[name]),
                    steps[name] / FINER,
                    grid[name][row],
                )
                for name, (low, high) in ranges.items()
            }
        )
        for row in best
    ]
    finer = {name: np.concatenate([part[name] for part in around]) for name in grid}
    evaluated += _count(finer)
    chosen = {name: float(values[_ranked(site, finer, limits, start)[0]]) for name, values in finer.items()}
    before, after = site.at(start), site.at(chosen)
    if not np.isfinite(before.total):
        raise UsageError("the power of the plant is unknown at its present set points")
    error = None if site.error_watts is None else float(np.sqrt(2.0) * site.error_watts)
    moved = any(abs(chosen[name] - start[name]) > 1e-9 for name in chosen)
    return Recommendation(
        start, chosen, before, after, error if moved else 0.0, bool(allowed(after, limits)), evaluated
    )


def allowed(outcomes: Outcomes, limits: Limits) -> BoolArray:
    """Return where the ceiling is met; an unknown inlet temperature does not meet it."""
    if limits.inlet_ceiling is None:
        return np.isfinite(outcomes.total)
    result: BoolArray = np.isfinite(outcomes.total) & (outcomes.hottest_inlet <= limits.inlet_ceiling + 1e-9)
    return result


def _reachable(site: Site, limits: Limits, start: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    names = {point.name for point in site.points}
    unknown = set(limits.ramps) - names
    if unknown:
        raise UsageError(f"no set point {', '.join(sorted(unknown))}; there are {', '.join(sorted(names))}")
    ranges = {}
    for point in site.points:
        ramp, now = limits.ramps.get(point.name, np.inf), start[point.name]
        if ramp < 0:
            raise UsageError(f"ramp of {point.name}: {ramp:g} is below 0")
        ranges[point.name] = (max(point.low, now - ramp), min(point.high, now + ramp))
    return ranges


def _ticks(low: float, high: float, step: float, also: float) -> FloatArray:
    """Return whole multiples of a step in a range, its ends, and one more value."""
    inner = np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1) * step
    return np.unique(np.clip(np.concatenate([[low], inner, [high, also]]), low, high).round(9))


def _combinations(ticks: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    made = np.meshgrid(*ticks.values(), indexing="ij")
    return {name: values.reshape(-1) for name, values in zip(ticks, made, strict=True)}


def _count(grid: Mapping[str, FloatArray]) -> int:
    return len(next(iter(grid.values())))


def _ranked(site: Site, grid: Mapping[str, FloatArray], limits: Limits, start: Mapping[str, float]) -> IntArray:
    """Return the rows of a grid, best first: those that meet the limits by power, the others by their inlets.

    Equal ones are ordered by their distance from the start.
    """
    outcomes = site.at(grid)
    met = allowed(outcomes, limits)
    span = {point.name: max(point.high - point.low, 1e-9) for point in site.points}
    distance = np.sum([np.abs(values - start[name]) / span[name] for name, values in grid.items()], axis=0)
    value = np.where(met, outcomes.total, np.nan_to_num(outcomes.hottest_inlet, nan=np.inf))
    return np.lexsort((distance, value.round(6), ~met, ~np.isfinite(outcomes.total)))
