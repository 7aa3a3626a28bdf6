"""Body of the JSON API of standby: `GET /v1/standby`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from pydantic import Field

from wao_core.cluster.names import ZONE
from wao_core.serving.api import ApiDocument, Time
from wao_fleet.standby.controller import Plan
from wao_fleet.standby.progress import Phase
from wao_fleet.standby.sources import Sources
from wao_predict.redfish.power_control import PowerState
from wao_predict.standby import Action, ActionKind, NodeState

State = Literal["on", "starting", "stopping", "off", "failed"]
_STATES: Mapping[NodeState, State] = {
    NodeState.ON: "on",
    NodeState.STARTING: "starting",
    NodeState.STOPPING: "stopping",
    NodeState.OFF: "off",
    NodeState.FAILED: "failed",
}


class StandbyNode(ApiDocument):
    """One node of the cluster, and what the last decision says about it."""

    node: str
    state: State = Field(description="state in the decision")
    candidate: bool = Field(description="whether standby may switch it")
    action: Literal["start", "stop"] | None = Field(description="what is done, or recommended; null for nothing")
    why: str = Field(description="why that is done, or why it is not switched off; may be empty")
    phase: Phase | None = Field(description="step of the sequence; null for a node whose NodeConfig has no standby")
    since: Time | None = Field(description="when the phase began; null if it was never switched")
    reason: str = Field(description="why the phase began")
    power: PowerState | None = Field(description="power state that its BMC stated last; null if it is unknown")
    group: str = Field(description="spec.standby.group of its NodeConfig")
    zone: str = Field(description="label topology.kubernetes.io/zone of the Node")
    wake_tested: bool = Field(description="whether a start has succeeded, and none has failed since")
    wake_failed: str = Field(description="why the last start failed; empty otherwise")
    start_seconds: float | None = Field(description="time from switching on to Ready at the last start [s]")
    watts_per_core: float | None = Field(
        description="power per core with idle power included [W/core], the order of the nodes; null without a curve"
    )
    saved: float | None = Field(description="predicted saving of a sleeping node [W]; null while it runs")
    measured_saved: float | None = Field(description="the same as measured; null without a power meter")


class StandbyDocument(ApiDocument):
    """The last decision."""

    at: Time = Field(description="time of the decision")
    mode: Literal["recommend", "act"]
    may_stop: bool = Field(description="whether nodes may be switched off now")
    doubt: str = Field(description="why not; empty otherwise")
    kill_switch: bool = Field(description="whether all nodes are started and none is switched off")
    waiting: int = Field(description="number of Pods that wait for a node")
    waited_seconds: float = Field(
        description="time that Pods waited while nodes started, added up since this process began [s]"
    )
    held: list[str] = Field(description="starts that are wanted while a limit is reached")
    saved: float = Field(description="predicted saving of all sleeping nodes [W]")
    measured_saved: float | None = Field(description="measured saving of those with power meters [W]; null for none")
    nodes: list[StandbyNode]


def standby_document(sources: Sources, plan: Plan, *, acting: bool) -> StandbyDocument:
    """Return the document of a decision."""
    asleep = [name for name, facts in plan.facts.items() if facts.progress.phase is Phase.ASLEEP]
    saved, measured = sources.saved_watts(asleep), sources.measured_watts(asleep)
    actions = {plan.fleet.names[action.node]: action for action in plan.decision.actions}
    return StandbyDocument(
        at=plan.at,
        mode="act" if acting else "recommend",
        may_stop=not plan.doubt and not plan.waking_all,
        doubt="the kill switch is on: everything is started" if plan.waking_all else plan.doubt,
        kill_switch=plan.waking_all,
        waiting=len(plan.fleet.pending),
        waited_seconds=sources.controller.waited_seconds,
        held=list(plan.decision.held),
        saved=sum(saved.values()),
        measured_saved=sum(measured.values()) if measured else None,
        nodes=[
            _node(plan, row, actions.get(name), sources.sequences.power_of(name), (saved.get(name), measured.get(name)))
            for row, name in enumerate(plan.fleet.names)
        ],
    )


def _node(
    plan: Plan, row: int, action: Action | None, power: PowerState | None, saved: tuple[float | None, float | None]
) -> StandbyNode:
    name, nodes = plan.fleet.names[row], plan.fleet.nodes
    facts = plan.facts[name]
    standby = None if facts.config is None else facts.config.standby
    progress = facts.progress
    per_core = float(nodes.watts_per_core[row])
    return StandbyNode(
        node=name,
        state=_STATES[NodeState(int(nodes.state[row]))],
        candidate=bool(nodes.candidate[row]),
        action=None if action is None else "start" if action.kind is ActionKind.START else "stop",
        why=action.reason if action else plan.fleet.excluded.get(name) or plan.decision.kept.get(row, ""),
        phase=None if standby is None else progress.phase,
        since=progress.since or None,
        reason=progress.reason,
        power=power,
        group="" if standby is None else standby.group,
        zone="" if facts.node is None else facts.node.labels.get(ZONE, ""),
        wake_tested=progress.wake_tested,
        wake_failed=progress.wake_failed,
        start_seconds=progress.start_seconds,
        watts_per_core=per_core if np.isfinite(per_core) else None,
        saved=saved[0],
        measured_saved=saved[1],
    )
