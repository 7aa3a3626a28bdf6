"""Windows: when a controller may act."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_fleet.windows import Window, Windows
from wao_predict.errors import UsageError

NIGHTS = Window.parse("0 22 * * 1-5 8h")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("time", "is_open"),
    [
        ("2026-11-27 21:59:59", False),  # a Friday
        ("2026-11-27 22:00:00", True),
        ("2026-11-27 22:00:30", True),
        ("2026-11-28 05:59:59", True),
        ("2026-11-28 06:00:00", False),
        ("2026-11-28 22:30:00", False),
    ],
)
def test_a_window_is_open_from_its_time_for_its_duration(time: str, is_open: bool) -> None:
    assert NIGHTS.is_open(at(time)) is is_open


def test_the_next_opening_is_known() -> None:
    windows = Windows([NIGHTS, Window.parse("0 12 * * * 1h")])
    noon = at("2026-11-28 12:00")
    assert windows.next_opening(at("2026-11-28 07:00").timestamp()) == noon.timestamp()
    assert windows.next_opening(noon.timestamp()) is None, "open"


def test_without_windows_it_is_always_allowed() -> None:
    assert Windows().is_open(0.0)
    assert Windows().next_opening(0.0) is None


def test_the_times_are_those_of_a_time_zone() -> None:
    tokyo = Windows.parse(["0 2 * * * 1h"], "Asia/Tokyo")
    assert tokyo.is_open(at("2026-11-28 17:30").timestamp())
    assert not tokyo.is_open(at("2026-11-28 02:30").timestamp())


@pytest.mark.parametrize("zone", ["", "Berlin", "../etc/passwd", "/etc/passwd"])
def test_a_time_zone_that_is_not_known_is_refused(zone: str) -> None:
    with pytest.raises(UsageError, match="give a name such as Europe/Berlin"):
        Windows.parse([], zone)


@pytest.mark.parametrize(
    "text", ["", "always", "0 22 * * 1-5", "0 22 * * 8h", "61 22 * * * 8h", "0 22 * * * 0s", "0 22 * * * 800h"]
)
def test_a_window_of_another_form_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(UsageError, match=r"write five cron fields and a duration, such as '0 22 \* \* 1-5 8h'"):
        Window.parse(text)


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)), st.integers(1, 300))
def test_a_window_opens_at_its_next_opening(now: datetime, minutes: int) -> None:
    window = Window("7 */5 * * *", timedelta(minutes=minutes))
    opening = window.next_opening(now)
    assert opening is not None
    assert window.is_open(opening)
    assert window.is_open(opening + window.length - timedelta(seconds=1))
