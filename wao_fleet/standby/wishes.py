"""From a decision about the fleet to what is wanted of each node. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from wao_fleet.standby.sequence import Wish
from wao_predict.standby import ActionKind, Decision


def wishes_of(
    names: Sequence[str],
    decision: Decision,
    *,
    acting: bool,
    waking_all: bool,
) -> dict[str, tuple[Wish, str]]:
    """Return the wish and its reason of each node that is to change.

    Nodes whose stop is undone are woken. In recommend mode nothing is switched off, but
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
    reason = "all nodes are started" if waking_all else "capacity is missing"
    found = {names[row]: (Wish.WAKE, reason) for row in decision.undone}
    for action in decision.actions:
        if action.kind is ActionKind.START:
            found[names[action.node]] = (Wish.WAKE, action.reason)
        elif acting:
            found[names[action.node]] = (Wish.SLEEP, action.reason)
    return found
