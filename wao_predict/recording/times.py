"""Times and durations as options of `wao record`. Pure."""

from __future__ import annotations

import math
import re

from wao_predict.errors import UsageError
from wao_predict.timestamps import parse_rfc3339

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"^(\d+(?:\.\d+)?)([smhd])$")


def seconds(text: str, option: str) -> float:
    """Return a duration such as 90m in seconds.

    Raises
    ------
    UsageError
        The text is no duration; the message names the option.

    Examples
    --------
    >>> seconds("1.5h", "--duration")
    5400.0
    """
    match = _DURATION.match(text.strip())
    if match is None:
        raise UsageError(f"{option} {text!r:.40}: write a duration such as 90m, 2h or 7d")
    return float(match[1]) * _UNITS[match[2]]


def moment(text: str, now: float, option: str) -> float:
    """Return a time in seconds since the epoch: an age such as 2h, or an RFC 3339 time.

    Raises
    ------
    UsageError
        The text is neither; the message names the option.
    """
    if _DURATION.match(text.strip()):
        return now - seconds(text, option)
    at = parse_rfc3339(text.strip())
    if at is None or not math.isfinite(at):
        raise UsageError(f"{option} {text!r:.40}: write an age such as 2h, or a time such as 2026-01-31T12:00:00Z")
    return at
