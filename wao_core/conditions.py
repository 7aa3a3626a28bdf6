"""Conditions of a status, as in metav1.Condition of Kubernetes, and the time of their last transition. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from wao_predict.printable import printable
from wao_predict.timestamps import format_rfc3339, parse_rfc3339

MAX_MESSAGE = 1024
"""Characters of a message. The API allows more, but a status is read in a terminal."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of an object. Two conditions are equal when they differ in the transition time only.

    Parameters
    ----------
    status
        "True", "False" or "Unknown".
    reason
        One word in CamelCase, for programs.
    message
        Explanation for people; control characters are shown as escapes, and it is cut to `MAX_MESSAGE` characters.
    observed_generation
        metadata.generation of the object that the condition was computed from.
    last_transition_time
        Time of the last change of `status`, in seconds since the epoch; None when it is not known.
    """

    type: str
    status: str
    reason: str
    message: str = ""
    observed_generation: int = 0
    last_transition_time: float | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", printable(self.message)[:MAX_MESSAGE])

    def to_wire(self) -> dict[str, object]:
        """Return the condition as JSON value."""
        wire: dict[str, object] = {
            "type": self.type,
            "status": self.status,
            "reason": self.reason,
            "message": self.message,
            "observedGeneration": self.observed_generation,
        }
        if self.last_transition_time is not None:
            wire["lastTransitionTime"] = format_rfc3339(self.last_transition_time)
        return wire

    @classmethod
    def from_wire(cls, wire: Mapping[str, object]) -> Condition:
        """Return the condition of a JSON value; a missing or unreadable field gets its default."""
        generation, since = wire.get("observedGeneration"), wire.get("lastTransitionTime")
        return cls(
            type=_text(wire, "type"),
            status=_text(wire, "status"),
            reason=_text(wire, "reason"),
            message=_text(wire, "message"),
            observed_generation=generation if isinstance(generation, int) else 0,
            last_transition_time=parse_rfc3339(since) if isinstance(since, str) else None,
        )


def conditions_of(status: Mapping[str, object]) -> tuple[Condition, ...]:
    """Return the conditions of a status as it is on the wire; empty when there are none."""
    found = status.get("conditions")
    items = found if isinstance(found, list) else []
    return tuple(Condition.from_wire(item) for item in items if isinstance(item, Mapping))


def same_conditions(one: Sequence[Condition], other: Sequence[Condition]) -> bool:
    """Return whether both have equal types, statuses, reasons and generations in the same order.

    Messages are not compared: they may contain numbers that change all the time.
    """
    return len(one) == len(other) and all(map(_same, one, other))


def with_transitions(new: Iterable[Condition], before: Iterable[Condition], now: float) -> tuple[Condition, ...]:
    """Return `new` with transition times: kept from `before` where the status is unchanged, else `now`.

    Parameters
    ----------
    now
        Seconds since the epoch.
    """
    since = {(old.type, old.status): old.last_transition_time for old in before}
    return tuple(replace(item, last_transition_time=_first(since.get((item.type, item.status)), now)) for item in new)


def _same(one: Condition, other: Condition) -> bool:
    return (
        one.type == other.type
        and one.status == other.status
        and one.reason == other.reason
        and one.observed_generation == other.observed_generation
    )


def _first(time: float | None, default: float) -> float:
    return default if time is None else time


def _text(wire: Mapping[str, object], name: str) -> str:
    value = wire.get(name)
    return value if isinstance(value, str) else ""
