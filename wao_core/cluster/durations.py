"""Go durations, as Kubernetes writes them: 15s, 1m30s, 1.5h, 500ms, 0."""

from __future__ import annotations

import durationpy

from wao_core.errors import DurationError

MAX_LENGTH = 64
"""Characters of a duration: durationpy takes quadratic time, and the longest text that Go writes has 25."""


def parse_duration(text: str) -> float:
    """Return the seconds of a Go duration.

    Raises
    ------
    DurationError
        The text is not one.

    Examples
    --------
    >>> parse_duration("1m30s")
    90.0
    """
    if text.strip() != text or not text or len(text) > MAX_LENGTH:
        raise DurationError(f"{text!r:.40} is not a duration: write one such as 15s, 1m30s or 500ms")
    try:
        return float(durationpy.from_str(text).total_seconds())
    except (durationpy.DurationError, ValueError, OverflowError):
        raise DurationError(f"{text!r:.40} is not a duration: write one such as 15s, 1m30s or 500ms") from None
