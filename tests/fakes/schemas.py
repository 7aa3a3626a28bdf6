"""The schemas of the custom resources, and walks through them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wao_core.crds.yaml_files import RESOURCES, definition


def spec_of(kind: str) -> dict[str, Any]:
    resource = next(item for item in RESOURCES if item.kind == kind)
    schema = definition(resource)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    found: dict[str, Any] = schema["properties"]["spec"]
    return found


def at(schema: Mapping[str, Any], path: str) -> tuple[Mapping[str, Any], bool]:
    """Return the schema at a path, and whether its last step is required; checks the required steps on the way."""
    required = False
    for step in path.split("."):
        name = step.rstrip("!")
        required = name in schema.get("required", ())
        if step.endswith("!"):
            assert required, f"{path}: {name} must be required"
        schema = schema["properties"][name]
    return schema, required


def walk(schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield path, schema
    for name, item in schema.get("properties", {}).items():
        yield from walk(item, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from walk(schema[key], f"{path}[]")
