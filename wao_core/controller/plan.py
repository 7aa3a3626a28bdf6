"""What NodeConfigs there should be: a pure function of templates and nodes.

One node gets one NodeConfig. Where several templates match, the oldest wins, then the first by name; the others are
told. Names are the reference's, `<template>-<node>`, made distinct where two pairs would give the same one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

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


def plan(templates: Iterable[NodeConfigTemplate], nodes: Iterable[Node]) -> Plan:
    """Return what there should be."""
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
                made = make(template, node, taken=desired)
            except TemplateError as error:
                errors[node.name] = str(error)
            else:
                desired[key_of(made.record)] = made
        outcomes[key] = TemplateOutcome(len(won[key]), lost[key], errors)
    return Plan(desired, outcomes)


def make(template: NodeConfigTemplate, node: Node, *, taken: Mapping[str, Desired] | None = None) -> Desired:
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
    name = config_name(template, node, taken or {})
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
