"""From a decision about the fleet to what is wanted of each node. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wao_fleet.standby.progress import Phase, Progress
from wao_fleet.standby.sequence import Wish
from wao_predict.standby import ActionKind, Decision

_STOPPING = (Phase.DRAINING, Phase.SHUTTING_DOWN)


def wishes_of(
    names: Sequence[str],
    decision: Decision,
    progress: Mapping[str, Progress],
    *,
    acting: bool,
    waking_all: bool,
) -> dict[str, tuple[Wish, str]]:
    """Return the wish and its reason of each node that is to change.

    Missing capacity also ends every drain: that is quicker than a start. In recommend mode nothing is switched off, but
    nodes that sleep are started: they were switched off by a person, or before the mode was changed.

    Parameters
    ----------
    names
        The names of the decision's rows.
    acting
        Whether nodes may be switched off.
    waking_all
        Whether the kill switch is on.
    """
    found: dict[str, tuple[Wish, str]] = {}
    starts = any(action.kind is ActionKind.START for action in decision.actions)
    if starts or decision.held or waking_all:
        reason = "all nodes are started" if waking_all else "capacity is missing"
        stopping = [name for name in names if name in progress and progress[name].phase in _STOPPING]
        found.update(dict.fromkeys(stopping, (Wish.WAKE, reason)))
    for action in decision.actions:
        if action.kind is ActionKind.START:
            found[names[action.node]] = (Wish.WAKE, action.reason)
        elif acting:
            found[names[action.node]] = (Wish.SLEEP, action.reason)
    return found
