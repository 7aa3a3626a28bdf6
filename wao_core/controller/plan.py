"""What NodeConfigs there should be: a pure function of templates and nodes.

One node gets one NodeConfig. Where several templates match, the oldest wins, then the first by name; the others are
told. Names are the reference's, `<template>-<node>`, made distinct where two pairs would give the same one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from pydantic import ValidationError

from wao_core import crd
from wao_core.errors import TemplateError
from wao_core.gotemplate import node_data, render_all
from wao_core.nodeconfigs import record_of
from wao_core.records import Node, NodeConfig, NodeConfigTemplate, key_of
from wao_core.selector import matches


@dataclass(frozen=True, slots=True)
class Desired:
    """One NodeConfig that there should be: its record, and its spec as in the manifest."""

    record: NodeConfig
    spec: Mapping[str, Any]
    template: str


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


class Makers:
    """`make` that renders again only when the template or what it sees of the node has changed."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], tuple[object, Desired | TemplateError]] = {}

    def __call__(self, template: NodeConfigTemplate, node: Node) -> Desired:
        """Return what `make` does."""
        key = (key_of(template), node.name)
        seen = (template.template, seen_of(node))
        held = self._held.get(key)
        if held is None or held[0] != seen:
            try:
                made: Desired | TemplateError = make(template, node)
            except TemplateError as error:
                made = error
            held = self._held[key] = (seen, made)
        if isinstance(held[1], TemplateError):
            raise held[1]
        return held[1]

    def keep(self, keys: Iterable[tuple[str, str]]) -> None:
        """Forget all pairs of template key and node name but these."""
        wanted = set(keys)
        self._held = {key: value for key, value in self._held.items() if key in wanted}


def plan(templates: Iterable[NodeConfigTemplate], nodes: Iterable[Node], *, maker: Maker | None = None) -> Plan:
    """Return what there should be; `maker` renders, `make` by default."""
    maker = maker or make
    order = sorted(templates, key=lambda item: (item.created or float("inf"), item.namespace, item.name))
    won: dict[str, list[tuple[NodeConfigTemplate, Node]]] = {key_of(item): [] for item in order}
    lost: dict[str, dict[str, str]] = {key_of(item): {} for item in order}
    for node in nodes:
        matching = [item for item in order if matches(item.node_selector, node.labels)]
        if matching:
            won[key_of(matching[0])].append((matching[0], node))
        for loser in matching[1:]:
            lost[key_of(loser)][node.name] = key_of(matching[0])
    desired: dict[str, Desired] = {}
    outcomes = {}
    for item in order:
        key = key_of(item)
        errors: dict[str, str] = {}
        for template, node in won[key]:
            try:
                made = _distinct(maker(template, node), template, node, desired)
            except TemplateError as error:
                errors[node.name] = str(error)
            else:
                desired[key_of(made.record)] = made
        outcomes[key] = TemplateOutcome(len(won[key]), lost[key], errors)
    return Plan(desired, outcomes)


def _distinct(made: Desired, template: NodeConfigTemplate, node: Node, taken: Mapping[str, Desired]) -> Desired:
    """Return what was made under a name that no other pair has."""
    name = config_name(template, node, taken)
    if name == made.record.name:
        return made
    return Desired(msgspec.structs.replace(made.record, name=name), made.spec, made.template)


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
    record = record_of(model, {"name": name, "namespace": template.namespace, "created": template.created})
    return Desired(record, model.model_dump(by_alias=True, exclude_none=True), key_of(template))


def config_name(template: NodeConfigTemplate, node: Node, taken: Mapping[str, Desired]) -> str:
    """Return `<template>-<node>`, with a digest where that is taken by another pair or too long for a name."""
    name = f"{template.name}-{node.name}"
    other = taken.get(f"{template.namespace}/{name}")
    if len(name) <= 253 and (other is None or other.record.node_name == node.name):
        return name
    digest = hashlib.sha256(f"{template.name}/{node.name}".encode()).hexdigest()[:8]
    return f"{name[:240].rstrip('-.')}-{digest}"
