"""Named health checks of a server. Pure: `wao_core.serving.health` serves them.

A check returns None when it passes, else the reason. Reasons are logged when they change. They are not shown to
callers, who need no authentication. A warning does not fail an endpoint, and callers see its text.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

Check = Callable[[], str | None]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The results of the checks of one endpoint: name -> reason of the failure, None for a check that passed.

    `warnings` has the texts of current warnings by name.
    """

    results: dict[str, str | None]
    warnings: dict[str, str] = field(default_factory=dict)

    @property
    def healthy(self) -> bool:
        """Whether every check passed."""
        return all(reason is None for reason in self.results.values())

    def text(self, endpoint: str, *, verbose: bool) -> str:
        """Return the body as Kubernetes servers write it."""
        if self.healthy and not verbose:
            return "ok"
        lines = [
            f"[+]{name} ok" if reason is None else f"[-]{name} failed: reason withheld"
            for name, reason in self.results.items()
        ]
        lines += [f"[!]{name} warning: {text}" for name, text in self.warnings.items()]
        return "\n".join([*lines, f"{endpoint} check {'passed' if self.healthy else 'failed'}", ""])


class HealthChecks:
    """The named liveness and readiness checks of one server."""

    def __init__(self) -> None:
        self._live: dict[str, Check] = {"ping": lambda: None}
        self._ready: dict[str, Check] = {"shutdown": self._shutdown}
        self._warnings: dict[str, Check] = {}
        self._warned: dict[str, str] = {}
        self._last: dict[str, str | None] = {}
        self._passed: set[str] = set()
        self._stopping = False
        self._at_stop: list[Callable[[], None]] = []

    @property
    def stopping(self) -> bool:
        """Whether the server is shutting down: it sets this when it starts to drain."""
        return self._stopping

    @stopping.setter
    def stopping(self, value: bool) -> None:
        starts, self._stopping = value and not self._stopping, value
        for call in self._at_stop if starts else ():
            call()

    def at_stop(self, call: Callable[[], None]) -> None:
        """Call `call` once, when the server starts to shut down."""
        self._at_stop.append(call)

    def add_live(self, name: str, check: Check) -> None:
        """Add a liveness check: while it fails, the process should be restarted."""
        self._live[name] = check

    def add_ready(self, name: str, check: Check) -> None:
        """Add a readiness check: while it fails, the server should get no new requests."""
        self._ready[name] = check

    def add_warning(self, name: str, check: Check) -> None:
        """Add a check whose reason is shown to everybody in `/readyz?verbose`, and logged, but fails nothing."""
        self._warnings[name] = check

    def warnings(self) -> dict[str, str]:
        """Return the current warnings by name; a new or changed one is logged."""
        found = {name: text for name, check in self._warnings.items() if (text := check()) is not None}
        for name, text in found.items():
            if self._warned.get(name) != text:
                _log.warning("%s: %s", name, text)
        self._warned = found
        return found

    def live(self, exclude: Collection[str] = ()) -> HealthReport:
        """Run the liveness checks, except those named in `exclude`."""
        return self._run(self._live, exclude)

    def ready(self, exclude: Collection[str] = ()) -> HealthReport:
        """Run the liveness and readiness checks, except those named in `exclude`."""
        report = self._run(self._live | self._ready, exclude)
        return HealthReport(report.results, self.warnings())

    def _shutdown(self) -> str | None:
        return "the server is shutting down" if self.stopping else None

    def _run(self, checks: dict[str, Check], exclude: Collection[str]) -> HealthReport:
        results: dict[str, str | None] = {}
        for name, check in checks.items():
            if name in exclude:
                continue
            try:
                reason = check()
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
            self._log_change(name, reason)
            results[name] = reason
        return HealthReport(results)

    def _log_change(self, name: str, reason: str | None) -> None:
        """Log a new reason, or its end: at INFO until the check has passed once, as a server is not ready at first."""
        if reason is None:
            if self._last.get(name) is not None:
                _log.info("health check %s passes", name)
            self._passed.add(name)
        elif self._last.get(name) != reason:
            level = logging.WARNING if name in self._passed else logging.INFO
            _log.log(level, "health check %s failed: %s", name, reason)
        self._last[name] = reason
