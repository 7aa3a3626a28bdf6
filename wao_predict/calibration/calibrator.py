"""When a correction is learned, tried, used and withdrawn, for one server. Pure.

A correction is learned when the residual drifts. It is first tried in the shadow: it predicts, but is not used. If it
is better than what is used, it takes over; and if it is worse than its predecessor afterwards, the predecessor returns.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from wao_predict.calibration.correction import Bounds, Correction, fit_correction
from wao_predict.errors import UsageError


class Change(StrEnum):
    """What happened to a correction."""

    DRIFT = "drift"
    SHADOW = "shadow"
    USED = "used"
    REJECTED = "rejected"
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True, slots=True)
class Rules:
    """Numbers of samples and limits.

    Attributes
    ----------
    learn
        Newest samples that a correction is learned from.
    shadow, watch
        Samples for which a correction is tried before it is used, and for which it is compared with its predecessor
        afterwards.
    drift
        Mean relative residual that is a drift.
    memory
        Samples after which a residual has lost 63 % of its weight in the mean.
    gain
        Relative improvement of the mean absolute residual that a correction needs in the shadow.
    bounds
        Limits of a correction.
    """

    learn: int = 240
    shadow: int = 120
    watch: int = 240
    drift: float = 0.02
    memory: float = 60.0
    gain: float = 0.1
    bounds: Bounds = field(default_factory=Bounds)

    def __post_init__(self) -> None:
        if (
            min(self.learn, self.shadow, self.watch) < 10
            or self.drift <= 0
            or self.memory < 1
            or not 0 <= self.gain < 1
        ):
            raise UsageError("rules of calibration: at least 10 samples each, a drift above 0, a gain from 0 to 1")


@dataclass(frozen=True, slots=True)
class Event:
    """A change at a sample's time [s since the epoch], with the correction that it is about."""

    time: float
    change: Change
    correction: Correction
    text: str


class Calibrator:
    """Follows the predicted and measured power of one server.

    Attributes
    ----------
    used
        The correction that is used now.
    drift
        Mean relative residual of the used correction, the newest samples weighing most.
    residual
        Mean residual of the used correction, likewise [W].

    Parameters
    ----------
    used, shadow, predecessor
        Where an earlier calibrator was: the correction that is used, that is tried, and that the used one is compared
        with. A comparison begins again.
    """

    def __init__(
        self,
        rules: Rules | None = None,
        *,
        used: Correction | None = None,
        shadow: Correction | None = None,
        predecessor: Correction | None = None,
    ) -> None:
        self._rules = rules or Rules()
        self.used = used or Correction()
        self.drift = self.residual = 0.0
        self._samples: deque[tuple[float, float]] = deque(maxlen=self._rules.learn)
        self._trial = None if shadow is None else _Comparison(shadow)
        self._watch = None if predecessor is None or shadow is not None else _Comparison(predecessor)

    @property
    def shadow(self) -> Correction | None:
        """The correction that is tried now."""
        return None if self._trial is None else self._trial.other

    @property
    def predecessor(self) -> Correction | None:
        """The correction that the used one is compared with now."""
        return None if self._watch is None else self._watch.other

    def add(self, time: float, predicted: float, measured: float) -> list[Event]:
        """Take a sample into account, and return what changed.

        Parameters
        ----------
        predicted
            Power that the model predicts, without a correction [W].
        measured
            Power [W], above 0.
        """
        self._samples.append((predicted, measured))
        residual = measured - float(self.used.apply(np.array([predicted]))[0])
        self.drift += (residual / measured - self.drift) / self._rules.memory
        self.residual += (residual - self.residual) / self._rules.memory
        for comparison in (self._trial, self._watch):
            if comparison is not None:
                comparison.add(self.used, predicted, measured)
        return [*self._watched(time), *self._tried(time), *self._learned(time)]

    def _learned(self, time: float) -> Iterable[Event]:
        """Learn a correction if the residual drifts and nothing else is tried or watched."""
        busy = self._trial is not None or self._watch is not None
        if busy or len(self._samples) < self._rules.learn or abs(self.drift) < self._rules.drift:
            return
        predicted, measured = np.array(self._samples).T
        found = fit_correction(predicted, measured, self._rules.bounds)
        yield Event(time, Change.DRIFT, self.used, f"the residual is {100 * self.drift:+.1f} % on average")
        if found == self.used:
            self._samples.clear()  # at the bounds: learn again from new samples
            return
        self._trial = _Comparison(found)
        yield Event(time, Change.SHADOW, found, f"tried for {self._rules.shadow} samples")

    def _tried(self, time: float) -> Iterable[Event]:
        """Use the correction in the shadow if it was better, else reject it."""
        trial = self._trial
        if trial is None or trial.samples < self._rules.shadow:
            return
        self._trial = None
        self._samples.clear()
        if trial.error_of_other > (1 - self._rules.gain) * trial.error_of_used:
            yield Event(time, Change.REJECTED, trial.other, trial.text)
            return
        self._watch = _Comparison(self.used)
        self.used, self.drift, self.residual = trial.other, 0.0, 0.0
        yield Event(time, Change.USED, self.used, trial.text)

    def _watched(self, time: float) -> Iterable[Event]:
        """Return to the predecessor if it would have been better."""
        watch = self._watch
        if watch is None or watch.samples < self._rules.watch:
            return
        self._watch = None
        if watch.error_of_other < watch.error_of_used:
            withdrawn, self.used, self.drift, self.residual = self.used, watch.other, 0.0, 0.0
            self._samples.clear()
            yield Event(time, Change.ROLLED_BACK, withdrawn, watch.text)


class _Comparison:
    """Compares the mean absolute residual of another correction with that of the used one."""

    def __init__(self, other: Correction) -> None:
        self.other = other
        self.samples = 0
        self._errors = np.zeros(2)

    def add(self, used: Correction, predicted: float, measured: float) -> None:
        watts = np.array([predicted])
        self._errors += [abs(measured - float(each.apply(watts)[0])) for each in (used, self.other)]
        self.samples += 1

    @property
    def error_of_used(self) -> float:
        return float(self._errors[0]) / self.samples

    @property
    def error_of_other(self) -> float:
        return float(self._errors[1]) / self.samples

    @property
    def text(self) -> str:
        return f"mean error {self.error_of_other:.1f} W, {self.error_of_used:.1f} W with the other"
