"""Label selectors of the API, as objects (matchLabels and matchExpressions) and by requirement. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from wao_core.cluster.records import Kind

Selectors = Mapping[Kind, tuple[tuple[str, str], ...]]
"""Query parameters that restrict the lists and watches of a kind, such as a label selector."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Return whether labels satisfy a LabelSelector object; an empty selector is satisfied by all labels."""
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    return all(
        satisfies(labels.get(item.get("key", "")), item.get("operator", ""), item.get("values") or ())
        for item in selector.get("matchExpressions") or ()
    )


def satisfies(value: str | None, operator: str, values: Collection[str]) -> bool:
    """Return whether a label satisfies one requirement of a selector; False for an unknown operator.

    Parameters
    ----------
    value
        The value of the label, or None without the label.
    operator
        As in objects (In, NotIn, Exists, DoesNotExist) or as in text (in, =, ==, notin, !=, exists, !, >, <).
    values
        The values of the requirement; one integer for > and <.
    """
    match operator:
        case "In" | "in" | "=" | "==":
            return value in values
        case "NotIn" | "notin" | "!=":
            return value not in values
        case "Exists" | "exists":
            return value is not None
        case "DoesNotExist" | "!":
            return value is None
        case ">" | "<":
            return _compares(value or "", operator, next(iter(values), ""))
        case _:
            return False


def _compares(value: str, operator: str, bound: str) -> bool:
    if _INTEGER.fullmatch(value) is None or _INTEGER.fullmatch(bound) is None:
        return False
    return int(value) > int(bound) if operator == ">" else int(value) < int(bound)
