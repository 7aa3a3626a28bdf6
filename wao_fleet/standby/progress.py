"""How far standby has got with a node: the phase, kept in the status of its NodeConfig. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from wao_core.cluster.records import NodeConfig
from wao_core.conditions import Condition, conditions_of
from wao_predict.redfish.power_control import PowerState
from wao_predict.timestamps import format_rfc3339, parse_rfc3339

ASLEEP, WAKE_FAILED, WAKE_TESTED = "Asleep", "WakeFailed", "WakeTested"
CONDITIONS = (ASLEEP, WAKE_FAILED, WAKE_TESTED)
"""The conditions of a NodeConfig that standby writes."""


class Phase(StrEnum):
    """The step of a sequence."""

    RUNNING = "Running"
    DRAINING = "Draining"
    SHUTTING_DOWN = "ShuttingDown"
    ASLEEP = "Asleep"
    STARTING = "Starting"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Progress:
    """The phase of a node and what must survive a restart of the controller. Times are seconds since the epoch.

    Attributes
    ----------
    since
        When the phase began.
    reason
        Why it began.
    attempts
        Starts in a row that did not make the node Ready.
    heartbeat
        The last heartbeat that was seen while the server was off: only another one shows that the node is up.
    testing
        The node is switched off to test its start: it is started at once.
    wake_tested
        A start has succeeded, and none has failed since.
    wake_failed
        Why the last start failed, or an empty string.
    last_start, last_stop
        When the server was last switched on and shut down; None if it never was.
    start_seconds
        Time from switching on to Ready at the last start [s].
    request
        The last request of a person that was handled, as in the annotation of the NodeConfig.
    """

    phase: Phase = Phase.RUNNING
    since: float = 0.0
    reason: str = ""
    attempts: int = 0
    heartbeat: str = ""
    testing: bool = False
    wake_tested: bool = False
    wake_failed: str = ""
    last_start: float | None = None
    last_stop: float | None = None
    start_seconds: float | None = None
    request: str = ""

    def fields(self, power: PowerState | None) -> dict[str, object]:
        """Return `status.standby` of the NodeConfig."""
        return {
            "powerState": "Unknown" if power is None else power.value,
            "phase": self.phase.value,
            "since": format_rfc3339(self.since),
            "reason": self.reason[:1024],
            "attempts": self.attempts,
            "testing": self.testing,
            **({"heartbeat": self.heartbeat} if self.heartbeat else {}),
            **({"request": self.request} if self.request else {}),
            **({"lastStart": format_rfc3339(self.last_start)} if self.last_start is not None else {}),
            **({"lastStop": format_rfc3339(self.last_stop)} if self.last_stop is not None else {}),
            **({"startSeconds": round(self.start_seconds, 1)} if self.start_seconds is not None else {}),
        }

    def conditions(self, config: NodeConfig) -> tuple[Condition, ...]:
        """Return the conditions of the NodeConfig."""
        asleep = {Phase.ASLEEP: "True", Phase.RUNNING: "False"}.get(self.phase, "Unknown")
        tested = ("True", "Started", "a start succeeded") if self.wake_tested else ("False", "NotTested", _UNTESTED)
        failed = ("True", "StartFailed", self.wake_failed) if self.wake_failed else ("False", "NoFailure", "")
        generation = config.generation
        return (
            Condition(ASLEEP, asleep, self.phase.value, self.reason, generation),
            Condition(WAKE_FAILED, *failed, generation),
            Condition(WAKE_TESTED, *tested, generation),
        )

    @classmethod
    def of_status(cls, status: Mapping[str, object]) -> Progress:
        """Return what the status of a NodeConfig says; a field that cannot be read has its default."""
        found = status.get("standby")
        fields = found if isinstance(found, Mapping) else {}
        conditions = {condition.type: condition for condition in conditions_of(status)}
        failed, tested = conditions.get(WAKE_FAILED), conditions.get(WAKE_TESTED)
        phase, attempts = fields.get("phase"), fields.get("attempts")
        seconds = fields.get("startSeconds")
        return cls(
            phase=Phase(phase) if phase in list(Phase) else Phase.RUNNING,
            since=_time(fields, "since") or 0.0,
            reason=_text(fields, "reason"),
            attempts=attempts if isinstance(attempts, int) else 0,
            heartbeat=_text(fields, "heartbeat"),
            testing=fields.get("testing") is True,
            wake_tested=tested is not None and tested.status == "True",
            wake_failed=failed.message or "unknown" if failed is not None and failed.status == "True" else "",
            last_start=_time(fields, "lastStart"),
            last_stop=_time(fields, "lastStop"),
            start_seconds=float(seconds) if isinstance(seconds, int | float) else None,
            request=_text(fields, "request"),
        )


_UNTESTED = "test it with wao standby test NODE; a node whose start was never tested is not switched off"


def _time(fields: Mapping[str, object], name: str) -> float | None:
    value = fields.get(name)
    return parse_rfc3339(value) if isinstance(value, str) else None


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""
