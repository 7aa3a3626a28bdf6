"""The page of settings: the configuration file of the scheduler, and every environment variable."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from pydantic import BaseModel

from docs.generator.commands import commands, variables_of
from docs.generator.markdown import alternatives, code, page, table
from wao_predict.cli.connection import PASSWORD_VARIABLE
from wao_scheduler.config import (
    CoolingSettings,
    FloorHistorySettings,
    PowerCap,
    ProfileSettings,
    SchedulerSettings,
)

FILE = """\
## Configuration file of the scheduler

`wao scheduler --config FILE` reads this YAML file. [The scheduler](../scheduler.md) explains the settings."""
SECTIONS = (
    ("Top level", SchedulerSettings),
    ("`floorHistory`", FloorHistorySettings),
    ("`cooling`", CoolingSettings),
    ("`profiles.NAME`", ProfileSettings),
    ("`profiles.NAME.powerCap`", PowerCap),
)
VARIABLES = """\
## Environment variables

A flag on the command line takes precedence over its environment variable. [Commands](commands.md) lists the flags."""


def settings_page() -> str:
    """Return the page."""
    sections = [f"### {title}\n\n{_fields(model)}" for title, model in SECTIONS]
    return page("Settings", FILE, *sections, VARIABLES, _variables())


def _fields(model: type[BaseModel]) -> str:
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.get("$defs", {})
    rows = [
        [code(name), _type(field, definitions), code(_default(field)), field.get("description", "")]
        for name, field in schema["properties"].items()
    ]
    return table(["setting", "type", "default", "description"], rows)


def _type(field: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "enum" in field:
        return alternatives([code(value) for value in field["enum"]])
    if "anyOf" in field:
        return " or ".join(_type(item, definitions) for item in field["anyOf"] if item.get("type") != "null")
    if "$ref" in field:
        return "see below"
    if "format" in field:
        return str(field["format"])
    kind = str(field.get("type", "any"))
    if kind == "array":
        return f"list of {_type(field['items'], definitions)}"
    if kind == "object" and isinstance(inner := field.get("additionalProperties"), dict):
        return f"map, {_type(inner, definitions)}" if "$ref" in inner else f"map of {_type(inner, definitions)}"
    return kind + _bounds(field)


def _bounds(field: dict[str, Any]) -> str:
    signs = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}
    bounds = [f"{sign} {field[name]:g}" for name, sign in signs.items() if name in field]
    return f", {', '.join(bounds)}" if bounds else ""


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    if value is None or value == []:
        return ""
    if field.get("format") == "duration":
        return f"{value:g}s"
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _variables() -> str:
    users: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, command in commands():
        for item in command.params:
            for variable in variables_of(item):
                users[variable, item.opts[0]].append(name)
    rows = [[code(name), code(flag), ", ".join(map(code, who))] for (name, flag), who in sorted(users.items())]
    rows.append([code("WAO_DEBUG"), code("--debug"), "every command"])
    rows.append([code(PASSWORD_VARIABLE), "password for " + code("--user"), "commands with " + code("--user")])
    return table(["variable", "flag", "commands"], sorted(rows))
