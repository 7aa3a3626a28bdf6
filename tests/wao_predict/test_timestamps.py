"""RFC 3339 timestamps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_predict.timestamps import format_rfc3339, parse_rfc3339


@given(st.integers(min_value=0, max_value=253402300799))
def test_writing_and_reading_agree(seconds: int) -> None:
    assert seconds == parse_rfc3339(format_rfc3339(seconds))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-01T00:00:00Z", 1767225600.0),
        ("2026-01-01T01:00:00+01:00", 1767225600.0),
        ("2026-01-01T00:00:00.250000Z", 1767225600.25),
        ("2026-01-01T00:00:00.123456789Z", 1767225600.123456),
    ],
)
def test_offsets_and_fractions_are_read(text: str, seconds: float) -> None:
    assert seconds == pytest.approx(parse_rfc3339(text), abs=1e-6)


@pytest.mark.parametrize("text", ["", None, "now", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00", "0001-01-01"])
def test_an_unreadable_timestamp_is_missing(text: str | None) -> None:
    assert parse_rfc3339(text) is None


def test_fractions_are_cut_to_whole_seconds_as_metav1_time_does() -> None:
    assert "1970-01-01T00:01:00Z" == format_rfc3339(60.999)
    assert "1970-01-01T00:01:00.999000Z" == format_rfc3339(60.999, microseconds=True)
