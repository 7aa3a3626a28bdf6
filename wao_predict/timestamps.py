"""RFC 3339 timestamps, the only form of time in Kubernetes, Redfish and our own APIs."""

from __future__ import annotations

from datetime import UTC, datetime


def parse_rfc3339(text: str | None, *, naive_is_utc: bool = False) -> float | None:
    """Return the seconds since the epoch, or None for a missing or unreadable timestamp.

    A timestamp without an offset is ambiguous and counts as unreadable, or with `naive_is_utc` as UTC.

    Examples
    --------
    >>> parse_rfc3339("1970-01-01T00:01:00Z")
    60.0
    >>> parse_rfc3339("yesterday") is None
    True
    """
    if not text:
        return None
    try:
        parsed = datetime.fromisoformat(text)
        if parsed.tzinfo is None:
            return parsed.replace(tzinfo=UTC).timestamp() if naive_is_utc else None
        return parsed.timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def format_rfc3339(seconds: float, *, microseconds: bool = False) -> str:
    """Return a timestamp in UTC, with whole seconds (metav1.Time) or microseconds (metav1.MicroTime).

    Parameters
    ----------
    seconds
        Seconds since the epoch.

    Examples
    --------
    >>> format_rfc3339(60.25)
    '1970-01-01T00:01:00Z'
    >>> format_rfc3339(60.25, microseconds=True)
    '1970-01-01T00:01:00.250000Z'
    """
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="microseconds" if microseconds else "seconds").replace("+00:00", "Z")
