"""values.yaml and values.schema.json, from the model of the values."""

from __future__ import annotations

import json
from typing import Any

import yaml
from pydantic import BaseModel

from release.chart.values import Values

FIRST = ("enabled", "replicas", "image")
"""Fields that are written before the others of a part."""
HEADER = "# Values of the chart wao. Generated from the manifests by `make chart`.\n"


def values_yaml(values: Values) -> str:
    """Return the values with the description of each field as a comment."""
    described: set[str] = set()
    return HEADER + "".join(f"\n{block}" for block in _entries(values, "", described))


def values_schema() -> str:
    """Return the JSON schema, against which helm checks the values of users."""
    schema = Values.model_json_schema(by_alias=True)
    _drop_required(schema)
    for part in schema.get("$defs", {}).values():
        _drop_required(part)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(schema, indent=2) + "\n"


def _drop_required(schema: dict[str, Any]) -> None:
    """Let a value be left out: values.yaml has a default for each."""
    schema.pop("required", None)
    schema.pop("title", None)
    for field in schema.get("properties", {}).values():
        field.pop("title", None)
        field.pop("default", None)


def _entries(model: BaseModel, indentation: str, described: set[str]) -> list[str]:
    """Return the text of each field; what several parts have in common is described at the first one."""
    fields = {field.alias or name: (name, field) for name, field in type(model).model_fields.items()}
    entries = []
    for key in sorted(fields, key=lambda key: FIRST.index(key) if key in FIRST else len(FIRST)):
        name, field = fields[key]
        value = getattr(model, name)
        description = str(field.description)
        comment = "" if description in described else f"{indentation}# {description}\n"
        described.add(description)
        if isinstance(value, BaseModel):
            body = f"{indentation}{key}:\n" + "".join(_entries(value, indentation + "  ", described))
        else:
            dumped = yaml.safe_dump({key: value}, sort_keys=False, default_flow_style=False, width=100)
            body = "".join(f"{indentation}{line}\n" for line in dumped.splitlines())
        entries.append(comment + body)
    return entries
