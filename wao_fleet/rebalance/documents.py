"""Bodies of the rebalancer's JSON API: `/v1/plan` and `/v1/evictions`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from wao_core.serving.api import ApiDocument, Time
from wao_fleet.rebalance.fleet_plan import FleetPlan
from wao_fleet.rebalance.rebalancer import Rebalancer
from wao_fleet.rebalance.records import EvictionRecord


class MoveDocument(ApiDocument):
    """One Pod that is to leave its node."""

    pod: str = Field(description="namespace/name")
    cpu_request: float | None = Field(description="CPU request [cores]; null without one")
    target: str = Field(description="node on which the scheduler is predicted to place it")
    saved: float = Field(description="its share of the power that the drain saves [W]")


class DrainDocument(ApiDocument):
    """One node that gives Pods."""

    node: str
    empties: bool = Field(description="whether no other Pods stay, apart from those of DaemonSets")
    saved: float = Field(description="power that the drain saves [W]")
    moves: list[MoveDocument]


class PastDrain(ApiDocument):
    """One drain that was carried out."""

    at: Time = Field(description="when it began")
    node: str
    result: Literal["completed", "skipped", "failed", "running"]
    reason: str = Field(description="why it was not completed; empty otherwise")
    evicted: int = Field(description="number of Pods that left")
    predicted: float = Field(description="predicted saving [W]")


class PastSaving(ApiDocument):
    """Saving of the drains of one plan on the nodes with power meters."""

    at: Time = Field(description="time of the comparison")
    predicted: float = Field(description="predicted saving [W]")
    measured: float = Field(description="measured saving [W]")
    nodes: int = Field(description="number of nodes with power meters")


class PlanDocument(ApiDocument):
    """The last plan, what was done before, and when the next one may be carried out."""

    at: Time = Field(description="time of the plan")
    leading: bool = Field(description="whether this replica acts; only its history has what was done")
    mode: Literal["recommend", "auto"]
    window_open: bool = Field(description="whether Pods may be moved now")
    next_window: Time | None = Field(description="when the next window opens; null while it is open")
    pace: float = Field(description="factor of the period between plans, above 1 after savings that were missed")
    watts_before: float = Field(description="power of the measured nodes, without plants [W]")
    watts_after: float = Field(description="their power after the plan [W]")
    saved: float = Field(description="power that the plan saves; with plants, of what it costs [W]")
    drains: list[DrainDocument]
    kept: dict[str, str] = Field(description="why other nodes keep their Pods, by node")
    history: list[PastDrain] = Field(description="the last drains, newest first")
    savings: list[PastSaving] = Field(description="the last measured savings, newest first")


class EvictionDocument(ApiDocument):
    """Why a Pod was evicted."""

    at: Time = Field(description="time of the eviction")
    pod: str = Field(description="namespace/name")
    uid: str
    node: str = Field(description="the node that it left")
    target: str = Field(description="node on which its replacement was predicted")
    saved: float = Field(description="power that the move was predicted to save [W]")
    drain_saved: float = Field(description="power that the drain of the node was predicted to save [W]")
    result: Literal["evicted", "gone", "refused"]
    reason: str = Field(description="the reason in one sentence")


class EvictionList(ApiDocument):
    """The last evictions, the newest first."""

    leading: bool = Field(description="whether this replica acts; the list of others is empty")
    evictions: list[EvictionDocument]


def plan_document(rebalancer: Rebalancer, plan: FleetPlan, now: float) -> PlanDocument:
    """Return the document of a plan."""
    settings, history = rebalancer.settings, rebalancer.history
    return PlanDocument(
        at=plan.at,
        leading=rebalancer.leading(),
        mode=settings.mode.value,
        window_open=settings.windows.is_open(now),
        next_window=settings.windows.next_opening(now),
        pace=rebalancer.memory.pace,
        watts_before=plan.watts_before,
        watts_after=plan.watts_after,
        saved=plan.saved,
        drains=[
            DrainDocument(
                node=drain.node,
                empties=drain.empties,
                saved=drain.saved,
                moves=[
                    MoveDocument(
                        pod=move.pod.key, cpu_request=move.pod.cpu_request, target=move.target, saved=move.saved
                    )
                    for move in drain.moves
                ],
            )
            for drain in plan.drains
        ],
        kept=dict(plan.kept),
        history=[PastDrain.model_validate(record, from_attributes=True) for record in history.drains],
        savings=[PastSaving.model_validate(record, from_attributes=True) for record in history.savings],
    )


def eviction_document(record: EvictionRecord) -> EvictionDocument:
    """Return the document of an eviction."""
    return EvictionDocument.model_validate(record, from_attributes=True)
