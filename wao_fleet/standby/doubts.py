"""Doubts at which standby switches nothing off. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from wao_core.cluster.records import Node
from wao_fleet.standby.candidates import AUTOSCALER_TAINTS
from wao_fleet.standby.progress import Phase, Progress
from wao_predict.errors import UsageError

STALE = 120.0
"""Age of the watched state from which nothing is switched off [s]; bookmarks confirm it about once a minute."""
SHRUNK = 900.0
"""Time after the loss of a node in which nothing is switched off [s]."""
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Window:
    """A time of the week in which nodes may be switched off: days and minutes of the day."""

    days: frozenset[int]
    begin: int
    end: int

    @classmethod
    def parse(cls, text: str) -> Window:
        """Return the window in a text such as "Mon-Fri 20:00-06:00", "Sat,Sun 00:00-24:00" or "22:00-05:00".

        A window that ends before it begins ends on the next day.

        Raises
        ------
        UsageError
            The text is no window.

        Examples
        --------
        >>> Window.parse("Fri 20:00-06:00").contains(datetime(2026, 11, 28, 5, 30))  # a Saturday
        True
        """
        parts = text.split()
        try:
            if len(parts) not in (1, 2):
                raise ValueError
            days = _days(parts[0]) if len(parts) == 2 else frozenset(range(7))
            begin, end = (_minutes(item) for item in parts[-1].split("-"))
        except ValueError:
            raise UsageError(f"{text!r:.60} is not a window: write it as Mon-Fri 20:00-06:00") from None
        return cls(days, begin, end)

    def contains(self, now: datetime) -> bool:
        """Return whether a local time is in the window."""
        minute, today = now.hour * 60 + now.minute, now.weekday()
        if self.begin < self.end:
            return today in self.days and self.begin <= minute < self.end
        late = today in self.days and minute >= self.begin
        return late or ((today - 1) % 7 in self.days and minute < self.end)


def _days(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.lower().split(","):
        first, dash, last = part.partition("-")
        begin, end = _DAYS.index(first), _DAYS.index(last if dash else first)
        found |= {day % 7 for day in range(begin, end + 1 + (7 if end < begin else 0))}
    return frozenset(found)


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    total = int(hours) * 60 + int(minutes)
    if not (0 <= total <= 24 * 60 and 0 <= int(minutes) < 60):
        raise ValueError(text)
    return total


def doubt_about_state(ages: Mapping[str, float | None]) -> str:
    """Return which part of the watched state is too old, or an empty string; ages in seconds by kind, None unknown."""
    for kind, age in sorted(ages.items()):
        if age is None:
            return f"{kind} objects are not read yet"
        if age > STALE:
            return f"{kind} objects are {age:.0f} s old: the API server may be away"
    return ""


def doubt_about_windows(windows: Iterable[Window], now: datetime) -> str:
    """Return an empty string within a window, or when there are none."""
    held = tuple(windows)
    return "" if not held or any(window.contains(now) for window in held) else "outside the windows for switching off"


class LostCapacity:
    """Notices that nodes vanish or fail, which standby must not add to.

    A node that runs and is not Ready counts for `SHRUNK` seconds after it was first seen so, and so does a node that
    was deleted. A node that standby switches does not count.
    """

    def __init__(self) -> None:
        self._known: frozenset[str] = frozenset()
        self._lost: dict[str, float] = {}

    def doubt(self, nodes: Mapping[str, Node], progress: Mapping[str, Progress], now: float) -> str:
        """Return which node was lost, or an empty string; `now` in seconds."""
        for name, node in nodes.items():
            if any(taint.key in AUTOSCALER_TAINTS for taint in node.taints):
                return f"cluster-autoscaler is removing {name}"
        running = {name for name in nodes if progress.get(name, Progress()).phase is Phase.RUNNING}
        down = {name for name in running if not nodes[name].ready or nodes[name].terminating}
        gone = self._known - nodes.keys()
        kept = {name for name in self._lost if name in down or name not in nodes}
        self._lost = {name: since for name, since in self._lost.items() if name in kept}
        for name in sorted(down | gone):
            self._lost.setdefault(name, now)
        self._known = frozenset(nodes)
        recent = [name for name, since in self._lost.items() if now - since < SHRUNK]
        return f"{min(recent)} was lost: capacity is shrinking elsewhere" if recent else ""
