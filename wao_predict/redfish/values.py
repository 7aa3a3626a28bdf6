"""Tolerant reading of single fields: BMCs send strings for numbers, 0 or null for nothing, and units of their own.

Pure. A value that is missing, disabled, not finite or implausible is None, never 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

Document = Mapping[str, Any]

INLET_RANGE = (-20.0, 70.0)
"""Plausible inlet temperatures [degC]."""
POWER_RANGE = (1.0, 100_000.0)
"""Plausible power of one server [W]."""

_GONE = frozenset({"absent", "disabled", "unavailableoffline", "deferring", "quiesced", "inactive"})


def mapping(value: object) -> Document:
    """Return a value that is a JSON object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> Sequence[Any]:
    """Return a value that is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: object) -> str:
    """Return a value that is text, else ""."""
    return value if isinstance(value, str) else ""


def number(value: object) -> float | None:
    """Return a finite number from a number or from text such as "20", else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        result = float(value)
    except (ValueError, OverflowError):
        return None
    return result if math.isfinite(result) else None


def link(document: Document, name: str) -> str:
    """Return the path that a property links to, else ""; what the path may be is checked before it is used."""
    return text(mapping(document.get(name)).get("@odata.id"))


def available(document: Document) -> bool:
    """Return whether a sensor's Status says that it works; nothing said means it does."""
    state = text(mapping(document.get("Status")).get("State"))
    return state.lower() not in _GONE


def celsius(document: Document) -> float | None:
    """Return the temperature of a Sensor or of a member of Thermal.Temperatures [degC], None for none.

    Exactly 0 is how many BMCs say "nothing there", whatever State claims: it is taken for missing.
    """
    if not available(document):
        return None
    value = number(document.get("ReadingCelsius"))
    if value is None:
        value = _in_celsius(number(document.get("Reading")), text(document.get("ReadingUnits")))
    if value is None or value == 0.0 or not INLET_RANGE[0] <= value <= INLET_RANGE[1]:
        return None
    return value


def _in_celsius(value: float | None, units: str) -> float | None:
    if value is None:
        return None
    unit = units.strip().strip("[]").lower().removeprefix("deg").strip("\u00b0 ")
    if unit in ("f", "fahrenheit"):
        return (value - 32.0) / 1.8
    if unit in ("k", "kelvin"):
        return value - 273.15
    return value if unit in ("", "c", "cel", "celsius") else None


def watts(value: object) -> float | None:
    """Return a plausible power [W], None for none."""
    result = number(value)
    return result if result is not None and POWER_RANGE[0] <= result <= POWER_RANGE[1] else None


def taken_in(metrics: Document) -> float | None:
    """Return what one power supply takes in [W], from its PowerSupplyMetrics; None for none."""
    return watts(mapping(metrics.get("InputPowerWatts")).get("Reading")) if available(metrics) else None


def supplied_watts(document: Document) -> float | None:
    """Return the sum of what the working members of PowerSupplies take in [W]; None when one does not tell."""
    supplies = [mapping(item) for item in items(document.get("PowerSupplies"))]
    inputs = [watts(item.get("PowerInputWatts")) for item in supplies if available(item)]
    if not inputs or any(value is None for value in inputs):
        return None
    return watts(sum(value for value in inputs if value is not None))
