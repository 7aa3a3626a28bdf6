"""The page of the values of the Helm chart, from their model."""

from __future__ import annotations

import json

from pydantic import BaseModel

from docs.generator.markdown import code, page, sentence, table
from release.chart.defaults import default_values
from release.chart.values import Agent, Part, Pods, Values

INTRODUCTION = """\
Values of `charts/wao`, with their defaults. [Installing with Helm](../install/helm.md) describes common uses."""
SERVERS = """\
## Servers

Each of these has the values in the second table. The defaults of `resources`, `priorityClassName`, `nodeSelector` and
`tolerations` are those of the manifests: see `values.yaml`."""


def chart_page() -> str:
    """Return the page."""
    values = default_values()
    own = [row for row in _rows(values, "") if not row[0].startswith("`global")]
    return page(
        "Values of the chart",
        INTRODUCTION,
        table(["value", "default", "description"], own),
        SERVERS,
        table(["server", "installed", "description"], _servers(values)),
        table(["value of each server", "description"], _common()),
    )


def _rows(model: BaseModel, prefix: str) -> list[list[str]]:
    rows = []
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        key = f"{prefix}{field.alias or name}"
        if isinstance(value, Pods):
            rows += [row for row in _rows(value, f"{key}.") if row[0].strip("`").split(".")[1] not in _common_names()]
        elif isinstance(value, BaseModel):
            rows += _rows(value, f"{key}.")
        else:
            rows.append([code(key), code(json.dumps(value)), sentence(str(field.description))])
    return rows


def _servers(values: Values) -> list[list[str]]:
    fields = type(values).model_fields.items()
    servers = [(field, getattr(values, name)) for name, field in fields]
    return [
        [code(str(field.alias)), "yes" if server.enabled else "no", sentence(str(field.description))]
        for field, server in servers
        if isinstance(server, (Part, Agent))
    ]


def _common() -> list[list[str]]:
    return [[code(field.alias or name), sentence(str(field.description))] for name, field in Part.model_fields.items()]


def _common_names() -> set[str]:
    return {field.alias or name for name, field in Part.model_fields.items()}
