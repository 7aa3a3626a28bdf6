"""A stepped load and its limits."""

import pytest

from wao_predict import UsageError
from wao_predict.recording.load import BLIND, Limits, LoadPlan, SteppedLoad


class Recorded:
    """A generator that makes no load."""

    def __init__(self) -> None:
        self.calls: list[float | str] = []

    def set(self, level: float) -> None:
        self.calls.append(level)

    def stop(self) -> None:
        self.calls.append("stop")


def test_levels_go_up_and_down_again() -> None:
    plan = LoadPlan(levels=(0, 100, 50), hold=60)
    assert plan.steps == [0, 50, 100, 50, 0]
    assert plan.duration == 300
    assert [plan.level_at(at) for at in (0, 59, 60, 150, 299, 300)] == [0, 0, 50, 100, 0, None]


def test_the_default_plan_takes_less_than_an_hour() -> None:
    assert LoadPlan().duration < 3600


@pytest.mark.parametrize("wrong", [{"levels": (50,)}, {"levels": (0, 101)}, {"hold": 0}])
def test_a_plan_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        LoadPlan(**wrong)  # type: ignore[arg-type]


def test_each_level_is_set_once_and_the_load_ends_with_the_plan() -> None:
    made = Recorded()
    with SteppedLoad(LoadPlan((0, 100), 10), Limits(), generator=made) as load:
        goes_on = [load.advance(at, {"watts": 200.0}) for at in (0, 5, 10, 15, 20, 30)]
    assert goes_on == [True] * 5 + [False]
    assert made.calls == [0, 100, 0, "stop", "stop"]
    assert load.stopped == ""


@pytest.mark.parametrize(
    ("limits", "values", "why"),
    [
        (Limits(inlet_temp=35), {"watts": 300.0, "inlet_temp": 35.5}, "inlet_temp is 35.5, above the limit of 35"),
        (Limits(watts=250), {"watts": 300.0, "inlet_temp": 20.0}, "watts is 300, above the limit of 250"),
    ],
)
def test_a_limit_ends_the_load(limits: Limits, values: dict[str, float], why: str) -> None:
    made = Recorded()
    with SteppedLoad(LoadPlan((0, 100), 10), limits, generator=made) as load:
        assert load.advance(0, {"watts": 100.0, "inlet_temp": 20.0})
        assert not load.advance(10, values)
        assert load.stopped == why
    assert made.calls[-1] == "stop"


def test_a_load_without_values_ends_because_its_limits_cannot_be_watched() -> None:
    made = Recorded()
    with SteppedLoad(LoadPlan((0, 100), 1000), Limits(), generator=made) as load:
        assert load.advance(0, None)
        assert load.advance(BLIND, None)
        assert not load.advance(BLIND + 1, None)
    assert "limits cannot be watched" in load.stopped


def test_an_exception_ends_the_load() -> None:
    made = Recorded()
    with pytest.raises(ValueError), SteppedLoad(LoadPlan(), Limits(), generator=made):
        raise ValueError("the BMC is gone")
    assert made.calls == ["stop"]
