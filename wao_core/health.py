"""Named health checks of a server. Pure: `wao_core.serving.health` serves them.

A check returns None when all is well, else the reason. Reasons are logged when they change and are not shown to
callers, who need no authentication.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass

Check = Callable[[], str | None]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the checks of one endpoint say: name -> reason, None for a good one."""

    results: dict[str, str | None]

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
        return "\n".join([*lines, f"{endpoint} check {'passed' if self.healthy else 'failed'}", ""])


class HealthChecks:
    """The named checks of one server."""

    def __init__(self) -> None:
        self._live: dict[str, Check] = {"ping": lambda: None}
        self._ready: dict[str, Check] = {"shutdown": self._shutdown}
        self._last: dict[str, str | None] = {}
        self._passed: set[str] = set()
        self._stopping = False
        self._at_stop: list[Callable[[], None]] = []

    @property
    def stopping(self) -> bool:
        """Whether the server was told to stop: set once, when it begins to drain."""
        return self._stopping

    @stopping.setter
    def stopping(self, told: bool) -> None:
        begins, self._stopping = told and not self._stopping, told
        for call in self._at_stop if begins else ():
            call()

    def at_stop(self, call: Callable[[], None]) -> None:
        """Have something done as soon as the server is told to stop."""
        self._at_stop.append(call)

    def add_live(self, name: str, check: Check) -> None:
        """Add a check of life: failing, the process should be restarted."""
        self._live[name] = check

    def add_ready(self, name: str, check: Check) -> None:
        """Add a check of readiness: failing, no new requests should come here."""
        self._ready[name] = check

    def live(self, exclude: Collection[str] = ()) -> Verdict:
        """Run the checks of life."""
        return self._run(self._live, exclude)

    def ready(self, exclude: Collection[str] = ()) -> Verdict:
        """Run the checks of life and of readiness."""
        return self._run(self._live | self._ready, exclude)

    def _shutdown(self) -> str | None:
        return "the server is stopping" if self.stopping else None

    def _run(self, checks: dict[str, Check], exclude: Collection[str]) -> Verdict:
        results: dict[str, str | None] = {}
        for name, check in checks.items():
            if name in exclude:
                continue
            try:
                reason = check()
            except Exception as error:  # a check that breaks is a check that fails
                reason = f"{type(error).__name__}: {error}"
            self._note(name, reason)
            results[name] = reason
        return Verdict(results)

    def _note(self, name: str, reason: str | None) -> None:
        """Log a failure once; one at the start is only what is waited for."""
        if reason is None:
            self._passed.add(name)
        elif self._last.get(name) != reason:
            level = logging.WARNING if name in self._passed else logging.INFO
            _log.log(level, "health check %s fails: %s", name, reason)
        self._last[name] = reason
