"""Numbers, ages and times as texts. Pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime

MISSING = "\N{EN DASH}"


def number(value: float | None, digits: int = 1) -> str:
    """Return a number with a separator of thousands, or a dash for a missing one.

    Examples
    --------
    >>> number(12345.678), number(None), number(-0.04)
    ('12,345.7', '–', '0.0')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    rounded = round(value, digits)
    return f"{rounded if rounded else 0.0:,.{digits}f}"


def power(watts: float | None) -> str:
    """Return a power in watts, or in kilowatts from 10 kW on.

    Examples
    --------
    >>> power(512.345), power(12_345), power(None)
    ('512 W', '12.3 kW', '–')
    """
    if watts is None or not math.isfinite(watts):
        return MISSING
    return f"{number(watts / 1000.0, 1)} kW" if abs(watts) >= 10_000 else f"{number(watts, 0)} W"


def span(seconds: float | None) -> str:
    """Return a duration with one unit.

    Examples
    --------
    >>> span(4.4), span(119), span(7200), span(None)
    ('4 s', '119 s', '2 h', '–')
    """
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    seconds = max(0.0, seconds)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def ago(at: float | None, now: float) -> str:
    """Return how long ago something was, or a dash if it never was."""
    return MISSING if at is None else f"{span(now - at)} ago"


def clock(at: float | None) -> str:
    """Return a time in UTC, to the second.

    Examples
    --------
    >>> clock(60.0)
    '1970-01-01 00:01:00Z'
    """
    try:
        return MISSING if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (ValueError, OverflowError, OSError):  # NaN, or beyond the year 9999
        return MISSING
