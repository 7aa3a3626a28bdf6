"""The difference between desired and existing NodeConfigs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wao_core.cluster.records import NodeConfig
from wao_core.crds.desired import DesiredNodeConfig, DesiredNodeConfigs

OWNER_KIND = "NodeConfigTemplate"


@dataclass(frozen=True, slots=True)
class NodeConfigChanges:
    """The writes that are needed, and names that are taken.

    Parameters
    ----------
    apply
        NodeConfigs to create or update.
    delete
        Keys of NodeConfigs to delete.
    taken
        Keys of desired NodeConfigs whose name is in use by one without a template -> key of the template.
    """

    apply: tuple[DesiredNodeConfig, ...] = ()
    delete: tuple[str, ...] = ()
    taken: Mapping[str, str] = field(default_factory=dict)


def diff(desired: DesiredNodeConfigs, existing: Mapping[str, NodeConfig]) -> NodeConfigChanges:
    """Return the writes that make the existing NodeConfigs equal to the desired ones.

    A NodeConfig without a template as owner was created by a user: it is neither changed nor deleted. One whose
    template cannot be rendered for its node is left unchanged.
    """
    apply, taken = [], {}
    for key, wanted in desired.configs.items():
        found = existing.get(key)
        if found is not None and not _is_ours(found):
            taken[key] = wanted.template
        elif found is None or not _is_equal(found, wanted.record) or _owner_of(found) != wanted.template:
            apply.append(wanted)
    delete = [
        key
        for key, found in existing.items()
        if _is_ours(found) and key not in desired.configs and not _has_render_error(found, desired)
    ]
    return NodeConfigChanges(tuple(apply), tuple(delete), taken)


def _is_equal(one: NodeConfig, other: NodeConfig) -> bool:
    return _spec_of(one) == _spec_of(other)


def _spec_of(config: NodeConfig) -> tuple[object, ...]:
    """Return what the spec states; the corrections of a calibration are from the status."""
    mode = None if config.calibration is None else config.calibration.mode
    return (
        config.node_name,
        config.metrics,
        config.power_consumption,
        config.endpoint_provider,
        config.standby,
        mode,
    )


def _is_ours(config: NodeConfig) -> bool:
    return config.owner is not None and config.owner.kind == OWNER_KIND


def _owner_of(config: NodeConfig) -> str:
    return "" if config.owner is None else f"{config.namespace}/{config.owner.name}"


def _has_render_error(config: NodeConfig, desired: DesiredNodeConfigs) -> bool:
    result = desired.results.get(_owner_of(config))
    return result is not None and config.node_name in result.errors
