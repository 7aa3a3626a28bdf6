"""The NodeConfigs that templates and nodes require. Pure.

Each node gets one NodeConfig. If several templates select a node, the oldest wins, then the first by name; the result
of the others names the winner. Names are those of the reference, `<template>-<node>`, with a digest where two pairs
would get the same name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from pydantic import ValidationError

from wao_core.cluster.names import MAX_SUBDOMAIN, shortened
from wao_core.cluster.records import Node, NodeConfig, NodeConfigTemplate, key_of
from wao_core.cluster.selector import matches
from wao_core.crds import models as crd
from wao_core.crds.node_configs import record_of
from wao_core.crds.templates import node_data, render_all
from wao_core.errors import ManifestError, TemplateError, TemplateNotRendered


@dataclass(frozen=True, slots=True)
class DesiredNodeConfig:
    """One NodeConfig that should exist: its record, and its spec as in the manifest."""

    record: NodeConfig
    spec: Mapping[str, Any]
    template: str  # namespace/name
    key: str  # namespace/name


@dataclass(frozen=True, slots=True)
class TemplateResult:
    """The result of one template.

    Parameters
    ----------
    nodes
        Number of nodes whose NodeConfig is from this template, those with an error included.
    lost_nodes
        Selected nodes whose NodeConfig is from another template: node name -> key of that template.
    errors
        Node name -> why the template cannot be rendered for this node.
    """

    nodes: int = 0
    lost_nodes: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DesiredNodeConfigs:
    """The NodeConfigs that should exist by namespace/name, and the result of each template by its key."""

    configs: Mapping[str, DesiredNodeConfig]
    results: Mapping[str, TemplateResult]


Render = Callable[[NodeConfigTemplate, Node], DesiredNodeConfig]


def visible_fields(node: Node) -> tuple[object, ...]:
    """Return all fields of a node that a template can read: while they are equal, so is the rendered NodeConfig."""
    return (node.labels, node.annotations, node.addresses, node.provider_id)


class _Rendered(NamedTuple):
    """A rendered NodeConfig, or the error, and its inputs."""

    template: NodeConfigTemplate
    node: Node
    result: DesiredNodeConfig | TemplateError

    def is_valid_for(self, template: NodeConfigTemplate, node: Node) -> bool:
        """Return whether these inputs give the same result."""
        return self.template.template == template.template and visible_fields(self.node) == visible_fields(node)


class RenderCache:
    """`render_node_config` that renders only when the template or the fields that it reads of the node change.

    An error that may pass (`TemplateNotRendered`) is not kept.
    """

    def __init__(self) -> None:
        self._rendered: dict[tuple[str, str], _Rendered] = {}

    def __call__(self, template: NodeConfigTemplate, node: Node) -> DesiredNodeConfig:
        """Return the result of `render_node_config`, or raise its error."""
        key = (key_of(template), node.name)
        held = self._rendered.get(key)
        if held is None or held.template is not template or held.node is not node:  # identity avoids most comparisons
            valid = held is not None and held.is_valid_for(template, node)
            result = held.result if held is not None and valid else _render_or_error(template, node)
            held = _Rendered(template, node, result)
            if not isinstance(result, TemplateNotRendered):
                self._rendered[key] = held
        if isinstance(held.result, TemplateError):
            raise held.result
        return held.result

    def __len__(self) -> int:
        return len(self._rendered)

    def keep(self, keys: Iterable[tuple[str, str]]) -> None:
        """Forget all pairs of template key and node name but these."""
        wanted = set(keys)
        self._rendered = {key: value for key, value in self._rendered.items() if key in wanted}


def desired_node_configs(
    templates: Iterable[NodeConfigTemplate], nodes: Iterable[Node], *, render: Render | None = None
) -> DesiredNodeConfigs:
    """Return the NodeConfigs that should exist; `render` is `render_node_config` by default."""
    render = render_node_config if render is None else render
    order = sorted(templates, key=lambda item: (item.created or float("inf"), item.namespace, item.name))
    keyed = [(key_of(item), item) for item in order]
    won: dict[str, list[Node]] = {key: [] for key, _ in keyed}
    lost: dict[str, dict[str, str]] = {key: {} for key, _ in keyed}
    for node in nodes:
        matching = [key for key, item in keyed if matches(item.node_selector, node.labels)]
        if matching:
            won[matching[0]].append(node)
        for loser in matching[1:]:
            lost[loser][node.name] = matching[0]
    configs: dict[str, DesiredNodeConfig] = {}
    results = {}
    for key, template in keyed:
        errors: dict[str, str] = {}
        for node in won[key]:
            try:
                config = render(template, node)
            except TemplateError as error:
                errors[node.name] = str(error)
                continue
            if config.key in configs:
                config = _with_distinct_name(config, template, node, configs)
            configs[config.key] = config
        results[key] = TemplateResult(len(won[key]), lost[key], errors)
    return DesiredNodeConfigs(configs, results)


def _with_distinct_name(
    config: DesiredNodeConfig, template: NodeConfigTemplate, node: Node, taken: Mapping[str, DesiredNodeConfig]
) -> DesiredNodeConfig:
    name = config_name(template, node, taken)
    return _desired(msgspec.structs.replace(config.record, name=name), config.spec, template)


def _desired(record: NodeConfig, spec: Mapping[str, Any], template: NodeConfigTemplate) -> DesiredNodeConfig:
    return DesiredNodeConfig(record, spec, key_of(template), key_of(record))


def _render_or_error(template: NodeConfigTemplate, node: Node) -> DesiredNodeConfig | TemplateError:
    try:
        return render_node_config(template, node)
    except TemplateError as error:
        return error


def render_node_config(template: NodeConfigTemplate, node: Node) -> DesiredNodeConfig:
    """Return the NodeConfig of one template for one node.

    Raises
    ------
    TemplateError
        A field cannot be rendered, or its rendered value is not valid; names the field.
    """
    spec = render_all(template.template, node_data(node))
    spec["nodeName"] = node.name
    try:
        model = crd.NodeConfigSpec.model_validate(spec)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        raise TemplateError(f"{path}: rendered to {first['input']!r:.60}: {first['msg']}") from None
    name = config_name(template, node, {})
    try:
        record = record_of(model, {"name": name, "namespace": template.namespace, "created": template.created})
    except ManifestError as error:
        raise TemplateError(str(error)) from None
    return _desired(record, model.model_dump(by_alias=True, exclude_none=True), template)


def config_name(template: NodeConfigTemplate, node: Node, taken: Mapping[str, DesiredNodeConfig]) -> str:
    """Return `<template>-<node>`, with a digest when another pair has that name or it is too long."""
    name = f"{template.name}-{node.name}"
    other = taken.get(f"{template.namespace}/{name}")
    if len(name) <= MAX_SUBDOMAIN and (other is None or other.record.node_name == node.name):
        return name
    digest = hashlib.sha256(f"{template.name}/{node.name}".encode()).hexdigest()[:8]
    return f"{shortened(name, 240)}-{digest}"
