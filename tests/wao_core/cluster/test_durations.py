"""Durations, equal to Go's."""

from __future__ import annotations

import time

import pytest

from wao_core.cluster.durations import parse_duration
from wao_core.errors import DurationError


@pytest.mark.parametrize(
    ("text", "seconds"), [("10s", 10), ("1m30s", 90), ("1.5h", 5400), ("500ms", 0.5), ("0", 0), ("0s", 0), ("-5s", -5)]
)
def test_durations_are_gos(text: str, seconds: float) -> None:
    assert seconds == parse_duration(text)


@pytest.mark.parametrize("text", ["", "bad", "10", "1x", " 5s", "s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(DurationError, match="write one such as 15s"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["1." * 10_000, "1h" * 1000, "1" * 65 + "s"])
def test_a_long_text_is_refused_before_it_is_parsed(text: str) -> None:
    began = time.process_time()
    with pytest.raises(DurationError, match="is not a duration"):
        parse_duration(text)
    assert time.process_time() - began < 0.1
