"""From desired and actual NodeConfigs to what is to be done. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wao_core.cluster.records import NodeConfig
from wao_core.crds.desired import Desired, Plan

OWNER_KIND = "NodeConfigTemplate"


@dataclass(frozen=True, slots=True)
class Actions:
    """What is to be done: NodeConfigs to apply, keys to delete, and keys that belong to somebody else."""

    apply: tuple[Desired, ...] = ()
    delete: tuple[str, ...] = ()
    foreign: Mapping[str, str] = field(default_factory=dict)  # key -> template that wants it

    def __bool__(self) -> bool:
        return bool(self.apply or self.delete)


def same(one: NodeConfig, other: NodeConfig) -> bool:
    """Return whether two NodeConfigs say the same."""
    return (one.node_name, one.metrics, one.power_consumption, one.endpoint_provider) == (
        other.node_name,
        other.metrics,
        other.power_consumption,
        other.endpoint_provider,
    )


def diff(plan: Plan, actual: Mapping[str, NodeConfig]) -> Actions:
    """Return what makes the actual NodeConfigs equal to the plan.

    A NodeConfig that no template owns is a person's: it is neither changed nor deleted. One whose template cannot be
    rendered for its node stays as it is.
    """
    apply, foreign = [], {}
    for key, wanted in plan.desired.items():
        found = actual.get(key)
        if found is not None and not _is_ours(found):
            foreign[key] = wanted.template
        elif found is None or not same(found, wanted.record) or _owner_of(found) != wanted.template:
            apply.append(wanted)
    delete = [
        key
        for key, found in actual.items()
        if _is_ours(found) and key not in plan.desired and not _is_unrendered(found, plan)
    ]
    return Actions(tuple(apply), tuple(delete), foreign)


def _is_ours(config: NodeConfig) -> bool:
    return config.owner is not None and config.owner.kind == OWNER_KIND


def _owner_of(config: NodeConfig) -> str:
    return "" if config.owner is None else f"{config.namespace}/{config.owner.name}"


def _is_unrendered(config: NodeConfig, plan: Plan) -> bool:
    outcome = plan.outcomes.get(_owner_of(config))
    return outcome is not None and config.node_name in outcome.errors
