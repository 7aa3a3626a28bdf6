"""Whether the watched state of the cluster is current enough to act on. Pure."""

from __future__ import annotations

from collections.abc import Mapping

STALE = 120.0
"""Age above which the watched state is not acted on [s]; bookmarks confirm it about once a minute."""


def doubt_about_state(ages: Mapping[str, float | None]) -> str:
    """Return which part of the watched state is too old, or an empty string; ages in seconds by kind, None unknown."""
    for kind, age in sorted(ages.items()):
        if age is None:
            return f"{kind} objects are not read yet"
        if age > STALE:
            return f"{kind} objects are {age:.0f} s old: the API server may be away"
    return ""
