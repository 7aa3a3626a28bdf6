"""The page of the custom resources, from their models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docs.generator.markdown import code, page, sentence, table
from wao_core.crds.yaml_files import RESOURCES, Resource

Schema = Mapping[str, Any]

INTRODUCTION = """\
Both resources belong to the group `node.waok8s.github.io`, version `v1beta1`, and are namespaced. Fields in **bold**
are required. `kubectl explain nodeconfig.spec` shows the same in a cluster."""
TYPES = """\
## Types

The types of the fields above."""


def resources_page() -> str:
    """Return the page."""
    types: dict[str, Schema] = {}
    resources = [_resource(resource, types) for resource in RESOURCES]
    sections = [f"### {name}\n\n{_object(schema, types)}" for name, schema in sorted(types.items())]
    return page("Custom resources", INTRODUCTION, *resources, TYPES, *sections)


def _resource(resource: Resource, types: dict[str, Schema]) -> str:
    parts = [f"## {resource.kind}", f"{resource.description} Short name: {code(resource.short)}."]
    for name, model in (("spec", resource.spec), ("status", resource.status)):
        schema = model.model_json_schema(by_alias=True)
        types |= schema.get("$defs", {})
        parts.append(f"### {resource.kind} {name}\n\n{_object(schema, types)}")
    columns = [[name, code(path)] for name, _, path in resource.columns]
    parts += [f"### Columns of kubectl get {resource.plural}", table(["column", "value"], columns)]
    return "\n\n".join(parts)


def _object(schema: Schema, types: Mapping[str, Schema]) -> str:
    required = schema.get("required", [])
    rows = [
        [f"**{code(name)}**" if name in required else code(name), _type(field), _description(field, types)]
        for name, field in schema["properties"].items()
    ]
    rules = [f"- {sentence(rule['message'])}" for rule in schema.get("x-kubernetes-validations", [])]
    parts = [schema.get("description", ""), table(["field", "type", "description"], rows)]
    return "\n\n".join(filter(None, [*parts, "Rules:" if rules else "", "\n".join(rules)]))


def _description(field: Schema, types: Mapping[str, Schema]) -> str:
    """Return the description of a field; one that only repeats that of its type is left out of the schema."""
    referred = types.get(field.get("$ref", "").rpartition("/")[2], {})
    return sentence(field.get("description") or referred.get("description", ""))


def _type(field: Schema) -> str:
    if "anyOf" in field:
        return " or ".join(_type(item) for item in field["anyOf"] if item.get("type") != "null")
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if field.get("x-kubernetes-int-or-string"):
        return "string or integer"
    kind = str(field.get("type", "any"))
    if kind == "array":
        return f"list of {_type(field['items'])}"
    if kind == "object" and "additionalProperties" in field:
        return f"map of {_type(field['additionalProperties'])}"
    return kind if "format" not in field else f"{kind} ({field['format']})"
