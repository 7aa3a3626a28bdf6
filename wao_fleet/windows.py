"""Windows: times at which a controller may act, as a cron expression and a duration. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from wao_core.cluster.durations import parse_duration
from wao_core.errors import DurationError
from wao_predict.errors import UsageError

_LONGEST = timedelta(days=31)
_FORM = "write five cron fields and a duration, such as '0 22 * * 1-5 8h'"


@dataclass(frozen=True, slots=True)
class Window:
    """A window that opens at the times of a cron expression and stays open for some time.

    Parameters
    ----------
    cron
        Minute, hour, day of month, month and day of week, as in crontab(5).
    length
        Time for which it stays open.
    """

    cron: str
    length: timedelta

    @classmethod
    def parse(cls, text: str) -> Window:
        """Return the window of a text such as "0 22 * * 1-5 8h".

        Raises
        ------
        UsageError
            The text has another form.

        Examples
        --------
        >>> Window.parse("30 1 * * * 90m").length
        datetime.timedelta(seconds=5400)
        """
        cron, _, length = text.strip().rpartition(" ")
        try:
            CronSim(cron, datetime(2026, 1, 1))
            seconds = parse_duration(length)
        except (CronSimError, DurationError) as error:
            raise UsageError(f"the window {text!r:.80} is not valid ({error}): {_FORM}") from None
        if not 0 < seconds <= _LONGEST.total_seconds():
            raise UsageError(f"the window {text!r:.80} is open for {seconds:g} s: give up to 31 days, {_FORM}")
        return cls(cron, timedelta(seconds=seconds))

    def is_open(self, at: datetime) -> bool:
        """Return whether the window is open at a time."""
        minute = at.replace(second=0, microsecond=0)
        opened = next(CronSim(self.cron, minute + timedelta(minutes=1), reverse=True), None)
        return opened is not None and at < opened + self.length

    def next_opening(self, at: datetime) -> datetime | None:
        """Return the next time after `at` at which the window opens, None if there is none in the coming years."""
        return next(CronSim(self.cron, at), None)


@dataclass(frozen=True, slots=True)
class Windows:
    """All windows of a controller; without any, it may always act.

    Parameters
    ----------
    windows
        The windows.
    zone
        Time zone of their cron expressions.
    """

    windows: Sequence[Window] = ()
    zone: tzinfo = UTC

    @classmethod
    def parse(cls, texts: Iterable[str], zone: str = "UTC") -> Windows:
        """Return the windows in texts, with the times of a time zone such as "Europe/Berlin".

        Raises
        ------
        UsageError
            A window has another form, or there is no such time zone.

        Examples
        --------
        >>> Windows.parse(["0 22 * * 1-5 8h"], "Europe/Berlin").is_open(1764363600.0)  # 22:00 on a Friday in Berlin
        True
        """
        try:
            found = ZoneInfo(zone)
        except (LookupError, ValueError, OSError):
            raise UsageError(f"the time zone {zone!r:.60} is not known: give a name such as Europe/Berlin") from None
        return cls(tuple(map(Window.parse, texts)), found)

    def is_open(self, now: float) -> bool:
        """Return whether the controller may act at a time [s since the epoch]."""
        at = datetime.fromtimestamp(now, self.zone)
        return not self.windows or any(window.is_open(at) for window in self.windows)

    def next_opening(self, now: float) -> float | None:
        """Return when the next window opens [s since the epoch], None while one is open or without any."""
        if self.is_open(now):
            return None
        at = datetime.fromtimestamp(now, self.zone)
        found = [opening.timestamp() for window in self.windows if (opening := window.next_opening(at)) is not None]
        return min(found, default=None)
