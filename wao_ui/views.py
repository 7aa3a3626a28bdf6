"""HTML of the page's parts, from templates that escape every text. Pure apart from reading the templates."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from wao_ui import charts, texts

PAGES = (
    ("/", "Fleet"),
    ("/placements", "Placements"),
    ("/services", "Services"),
    ("/actions", "Moves and standby"),
    ("/inputs", "Inputs"),
    ("/what-if", "What if"),
)
"""The pages in the navigation: path and title."""


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("wao_ui"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "number": texts.number,
        "power": texts.power,
        "span": texts.span,
        "ago": texts.ago,
        "clock": texts.clock,
    }
    made.globals |= {"PAGES": PAGES, "METRICS": charts.METRICS, "MISSING": texts.MISSING}
    return made


def render(template: str, values: Mapping[str, Any]) -> str:
    """Return the HTML of a template."""
    return _environment().get_template(f"{template}.html").render(values)
