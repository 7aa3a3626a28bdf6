"""The plan as JSON: `GET /v1/standby`."""

from __future__ import annotations

from typing import Any

from wao_fleet.standby.controller import Plan
from wao_predict.standby import NodeState
from wao_predict.timestamps import format_rfc3339


def plan_document(plan: Plan | None, *, acting: bool) -> dict[str, Any]:
    """Return the last plan; before the first one, and where another replica leads, it has no nodes."""
    if plan is None:
        return {"time": None, "mode": _mode(acting), "doubt": "no decision yet: another replica may lead", "nodes": []}
    actions = {action.node: action for action in plan.decision.actions}
    nodes = []
    for row, name in enumerate(plan.fleet.names):
        action = actions.get(row)
        why = plan.fleet.excluded.get(name) or plan.decision.kept.get(row, "")
        if action is not None:
            why = action.reason
        nodes.append(
            {
                "node": name,
                "state": NodeState(int(plan.fleet.nodes.state[row])).name.lower(),
                "candidate": bool(plan.fleet.nodes.candidate[row]),
                "action": "" if action is None else action.kind.value,
                "why": why,
            }
        )
    doubt = "the kill switch is on: everything is started" if plan.waking_all else plan.doubt
    return {
        "time": format_rfc3339(plan.at),
        "mode": _mode(acting),
        "doubt": doubt,
        "waiting": len(plan.fleet.pending),
        "held": list(plan.decision.held),
        "nodes": nodes,
    }


def _mode(acting: bool) -> str:
    return "act" if acting else "recommend"
