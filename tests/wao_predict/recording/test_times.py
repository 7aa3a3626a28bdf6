"""Times and durations of `wao record`."""

import pytest

from wao_predict import UsageError
from wao_predict.recording.times import moment, seconds


@pytest.mark.parametrize(("text", "expected"), [("90m", 5400), ("2h", 7200), ("0s", 0), ("1.5d", 129600)])
def test_a_duration(text: str, expected: float) -> None:
    assert seconds(text, "--duration") == expected


def test_an_age_or_a_time() -> None:
    assert moment("1h", 10_000.0, "--start") == 6400
    assert moment("1970-01-01T00:01:00Z", 10_000.0, "--start") == 60


@pytest.mark.parametrize("text", ["", "1", "h", "-1h", "1 week", "2026-01-01"])
def test_other_texts_are_refused_with_the_option(text: str) -> None:
    with pytest.raises(UsageError, match="--start"):
        moment(text, 0.0, "--start")
