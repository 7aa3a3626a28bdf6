"""Bodies of the extender's JSON API for people and programs: `/v1/decisions`, `/v1/fleet` and `/v1/what-if`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, WithJsonSchema

from wao_core.serving.api import ApiDocument, Time
from wao_scheduler.config import Cores


class NodeExplanation(ApiDocument):
    """One candidate of a decision; an unknown number is null."""

    node: str
    score: int = Field(description="score that kube-scheduler got, 0 to 10 in mode ordinal")
    watts_before: float | None = Field(description="predicted power without the pod [W]")
    watts_after: float | None = Field(description="predicted power with the pod [W]")
    increase: float | None = Field(description="power increase by the profile's rule, times `costFactor` [W]")
    cost_factor: float | None = Field(
        None, description="what a watt costs on the node, with cooling and relative price; null without plants"
    )
    usage_cores: float | None = Field(description="CPU use before the pod, measured plus assumed [cores]")
    assumed_cores: float | None = Field(description="part of it that is assumed for pods not yet measured [cores]")
    floor_cores: float | None = Field(description="lowest CPU use within the floor's window [cores]")
    capacity_cores: float | None = Field(description="CPU capacity [cores]")
    inlet_temp: float | None = Field(description="inlet temperature [degC]")
    delta_p: float | None = Field(description="static pressure difference [Pa]")
    residual_watts: float | None = Field(
        None, description="measured minus predicted power before the decision; null without a power meter [W]"
    )
    usage_age: float | None = Field(description="age of the CPU sample at the time of the decision [s]")
    inlet_temp_age: float | None = Field(description="age of the inlet temperature [s]")
    delta_p_age: float | None = Field(description="age of the static pressure difference [s]")
    reason: str = Field(description="why the node has no score or a fallback was used; empty for neither")


class DecisionDocument(ApiDocument):
    """One decision and the inputs it was based on."""

    pod: str = Field(description="namespace/name")
    uid: str
    at: Time = Field(description="time of the decision")
    profile: str
    rule: str = Field(description="increase rule of the profile")
    cpu_cores: float = Field(description="CPU that the pod was assumed to use [cores]")
    cpu_source: str = Field(description="where `cpuCores` comes from")
    chosen: str | None = Field(description="node with the best score; null if power decided nothing")
    outcome: Literal["scored", "all_overloaded", "no_node_known", "not_ours"]
    summary: str = Field(description="the decision in one sentence")
    floor_history: float | None = Field(
        description="for the rule floor, the time of which the floors are the lowest loads [s]"
    )
    candidates: int = Field(description="number of nodes that kube-scheduler offered")
    nodes: list[NodeExplanation] = Field(description="candidates, the best score first, up to `limit`")


class DecisionList(ApiDocument):
    """The last decisions, the newest first, each with its best candidate only."""

    decisions: list[DecisionDocument]


class FleetNode(ApiDocument):
    """One measured node."""

    name: str
    capacity_cores: float = Field(description="CPU capacity [cores]")
    usage_cores: float = Field(description="CPU use, measured plus assumed [cores]")
    floor_cores: float | None = Field(description="lowest CPU use within the floor's window [cores]")
    group: str = Field("", description="group of the node, by the label `groupLabel` or that of the setting `cooling`")
    watts: list[float] = Field(description="predicted power at the loads of `knots` [W]")


class FleetPods(ApiDocument):
    """The pods that run on the nodes, without those of DaemonSets and static pods; one number of each list per pod."""

    node: list[int] = Field(description="number of the pod's node in `nodes`, from 0")
    cpu_request: list[float] = Field(description="CPU request, or what counts for a pod without [cores]")
    cpu_use: list[float] = Field(description="its share by request of the node's CPU use, at most the request [cores]")
    age: list[float] = Field(description="time since the pod started [s]")
    movable: list[bool] = Field(description="whether it has an owner that would create it again elsewhere")


class FleetDocument(ApiDocument):
    """The measured nodes: the input of `wao simulate --from-cluster`."""

    knots: list[float] = Field(description="CPU loads of the curves [% of capacity]")
    nodes: list[FleetNode]
    pods: FleetPods | None = Field(None, description="with `pods=true`")


_CORES = {
    "anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": 4096}, {"type": "string", "format": "quantity"}]
}


class WhatIfRequest(ApiDocument):
    """Body of `POST /v1/what-if`."""

    model_config = ConfigDict(extra="forbid")

    cpu: Annotated[Cores, WithJsonSchema(_CORES)] = Field(description='CPU of one pod, such as "500m" or 0.5')
    count: int = Field(1, ge=1, le=10_000, description="number of identical pods")
    nodes: list[str] | None = Field(None, fail_fast=True, description="consider only these nodes")


class WhatIfAnswer(ApiDocument):
    """The minimum power increase for identical pods, and where they would go."""

    cpu_cores: float = Field(description="CPU of one pod [cores]")
    count: int = Field(description="number of pods")
    nodes: int = Field(description="number of nodes considered")
    watts_before: float = Field(description="predicted power of these nodes now [W]")
    total_increase: float = Field(description="power increase for all pods [W]")
    watt_increases: list[float] = Field(
        description="power increase for the first 1, 2, ..., count pods [W]; with plants: of cost"
    )
    placements: list[str] = Field(description="node of each pod")
    per_node: dict[str, int] = Field(description="pods per node that gets any")
    method: Literal["exact", "lookahead"]
    excess: float = Field(description="upper bound of the distance to the optimum [W]")
    server_increase: float | None = Field(None, description="the servers' part of `totalIncrease`, with plants")
    cooling_increase: float | None = Field(None, description="the cooling's part of `totalIncrease`")
    cooling_before: float | None = Field(None, description="part of `wattsBefore` of the cooling")
    notes: list[str] | None = Field(None, description="prices and plants that are missing, and how they are counted")
    stock_increase: float | None = Field(None, description="power increase if the stock scheduler places the pods [W]")
