"""When a correction is learned, tried, used and withdrawn."""

import numpy as np
import pytest

from wao_predict import UsageError
from wao_predict.calibration.calibrator import Calibrator, Change, Event, Rules
from wao_predict.calibration.correction import Correction

RULES = Rules(learn=60, shadow=30, watch=40, memory=20)


def feed(calibrator: Calibrator, rows: int, scale: float = 1.0, offset: float = 0.0, seed: int = 0) -> list[Event]:
    random = np.random.default_rng(seed)
    events = []
    for number in range(rows):
        predicted = float(random.uniform(100, 300))
        measured = scale * predicted + offset + float(random.normal(0, 2))
        events += calibrator.add(float(number), predicted, measured)
    return events


def changes(events: list[Event]) -> list[str]:
    return [event.change.value for event in events]


def test_a_right_model_is_left_alone() -> None:
    calibrator = Calibrator(RULES)
    assert feed(calibrator, 1000) == []
    assert calibrator.used == Correction()


def test_a_drift_is_learned_tried_and_then_used() -> None:
    calibrator = Calibrator(RULES)
    assert changes(feed(calibrator, 60, 1.1)) == ["drift", "shadow"]
    assert calibrator.used == Correction()  # not before the shadow has shown that it is better
    assert calibrator.shadow is not None
    assert changes(feed(calibrator, 29, 1.1)) == []
    assert changes(feed(calibrator, 1, 1.1)) == ["used"]
    assert abs(calibrator.used.scale - 1.1) < 0.02
    assert changes(feed(calibrator, 300, 1.1)) == []
    assert abs(calibrator.drift) < 0.01


def test_a_correction_that_is_no_better_in_the_shadow_is_rejected() -> None:
    calibrator = Calibrator(RULES)
    feed(calibrator, 60, 1.1)
    assert changes(feed(calibrator, 30, 1.0)) == ["rejected"]  # the meter was wrong for a while
    assert calibrator.used == Correction()


def test_a_used_correction_that_becomes_worse_is_rolled_back() -> None:
    calibrator = Calibrator(RULES)
    feed(calibrator, 90, 1.1)
    assert calibrator.used != Correction()
    events = feed(calibrator, 40, 1.0)
    assert changes(events) == ["rolled back"]
    assert calibrator.used == Correction()


def test_a_wrong_model_is_corrected_up_to_the_bounds_only() -> None:
    calibrator = Calibrator(RULES)
    events = feed(calibrator, 2000, 2.0)
    assert calibrator.used.scale == RULES.bounds.scale[1]
    assert changes(events).count("used") <= 2
    assert Change.DRIFT in [event.change for event in events[-3:]]  # it says that the residual remains


@pytest.mark.parametrize("wrong", [{"learn": 5}, {"drift": 0.0}, {"gain": 1.0}, {"memory": 0}])
def test_rules_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Rules(**wrong)  # type: ignore[arg-type]
