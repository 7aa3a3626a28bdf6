"""What NodeConfigs there should be: a pure function of templates and nodes.

One node gets one NodeConfig. Where several templates match, the oldest wins, then the first by name; the others are
told. Names are the reference's, `<template>-<node>`, made distinct where two pairs would give the same one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from pydantic import ValidationError

from wao_core.cluster.records import Node, NodeConfig, NodeConfigTemplate, key_of
from wao_core.cluster.selector import matches
from wao_core.crds import models as crd
from wao_core.crds.node_configs import record_of
from wao_core.crds.templates import node_data, render_all
from wao_core.errors import ManifestError, TemplateError


@dataclass(frozen=True, slots=True)
class Desired:
    """One NodeConfig that there should be: its record, and its spec as in the manifest."""

    record: NodeConfig
    spec: Mapping[str, Any]
    template: str
    key: str  # namespace/name


@dataclass(frozen=True, slots=True)
class TemplateOutcome:
    """What came of one template: how many nodes it won, which it lost to whom, and why nodes could not be rendered."""

    matched: int = 0
    lost: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """Desired NodeConfigs by namespace/name, and the outcome of each template by its key."""

    desired: Mapping[str, Desired]
    outcomes: Mapping[str, TemplateOutcome]

    @property
    def unrendered(self) -> set[str]:
        """Keys of templates with an error: their old NodeConfigs stay as they are."""
        return {key for key, outcome in self.outcomes.items() if outcome.errors}


Maker = Callable[[NodeConfigTemplate, Node], Desired]


def seen_of(node: Node) -> tuple[object, ...]:
    """Return all of a node that a template sees: while it is equal, so is what the template makes."""
    return (node.labels, node.annotations, node.addresses, node.provider_id)


class _Held(NamedTuple):
    """What was made, and of which records."""

    template: NodeConfigTemplate
    node: Node
    made: Desired | TemplateError

    def holds_for(self, template: NodeConfigTemplate, node: Node) -> bool:
        """Return whether the same would be made of these."""
        return self.template.template == template.template and seen_of(self.node) == seen_of(node)


class Makers:
    """`make` that renders again only when the template or what it sees of the node has changed."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], _Held] = {}

    def __call__(self, template: NodeConfigTemplate, node: Node) -> Desired:
        """Return what `make` does."""
        key = (key_of(template), node.name)
        held = self._held.get(key)
        if held is None or held.template is not template or held.node is not node:  # else nothing need be compared
            made = held.made if held is not None and held.holds_for(template, node) else _made(template, node)
            held = self._held[key] = _Held(template, node, made)
        if isinstance(held.made, TemplateError):
            raise held.made
        return held.made

    def __len__(self) -> int:
        return len(self._held)

    def keep(self, keys: Iterable[tuple[str, str]]) -> None:
        """Forget all pairs of template key and node name but these."""
        wanted = set(keys)
        self._held = {key: value for key, value in self._held.items() if key in wanted}


def plan(templates: Iterable[NodeConfigTemplate], nodes: Iterable[Node], *, maker: Maker | None = None) -> Plan:
    """Return what there should be; `maker` renders, `make` by default."""
    maker = make if maker is None else maker
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
    desired: dict[str, Desired] = {}
    outcomes = {}
    for key, template in keyed:
        errors: dict[str, str] = {}
        for node in won[key]:
            try:
                made = maker(template, node)
            except TemplateError as error:
                errors[node.name] = str(error)
                continue
            if made.key in desired:
                made = _distinct(made, template, node, desired)
            desired[made.key] = made
        outcomes[key] = TemplateOutcome(len(won[key]), lost[key], errors)
    return Plan(desired, outcomes)


def _distinct(made: Desired, template: NodeConfigTemplate, node: Node, taken: Mapping[str, Desired]) -> Desired:
    """Return what was made under a name that no other pair has."""
    return _desired(msgspec.structs.replace(made.record, name=config_name(template, node, taken)), made.spec, template)


def _desired(record: NodeConfig, spec: Mapping[str, Any], template: NodeConfigTemplate) -> Desired:
    return Desired(record, spec, key_of(template), key_of(record))


def _made(template: NodeConfigTemplate, node: Node) -> Desired | TemplateError:
    try:
        return make(template, node)
    except TemplateError as error:
        return error


def make(template: NodeConfigTemplate, node: Node) -> Desired:
    """Return the NodeConfig of one template for one node.

    Raises
    ------
    TemplateError
        A field cannot be rendered, or what it renders to is not valid; names the field.
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


def config_name(template: NodeConfigTemplate, node: Node, taken: Mapping[str, Desired]) -> str:
    """Return `<template>-<node>`, with a digest where that is taken by another pair or too long for a name."""
    name = f"{template.name}-{node.name}"
    other = taken.get(f"{template.namespace}/{name}")
    if len(name) <= 253 and (other is None or other.record.node_name == node.name):
        return name
    digest = hashlib.sha256(f"{template.name}/{node.name}".encode()).hexdigest()[:8]
    return f"{name[:240].rstrip('-.')}-{digest}"
