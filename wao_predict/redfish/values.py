"""Tolerant parsing of single fields: BMCs send strings for numbers, 0 or null for nothing, and units of their own.

Pure. A value that is missing, disabled, not finite or implausible is None, never 0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

Document = Mapping[str, Any]

INLET_RANGE = (-20.0, 70.0)
"""Plausible inlet temperatures [degC]."""
POWER_RANGE = (1.0, 100_000.0)
"""Plausible power of one server [W]."""

MAX_TEXT = 1024
"""Characters of a text of a BMC that are used: work on names takes time and memory in proportion."""
MAX_ITEMS = 4096
"""Items of an array of a BMC that are used."""
MAX_DIGITS = 10
"""Digits of the place of an item: Python refuses to read thousands of them."""

_NO_POWER = frozenset({65535.0, 65534.0, 32767.0, 6553.5, 6553.4, 655.35, 655.34})
"""Codes for "no reading" that firmware passes on as watts: 0xFFFF, 0xFFFE and 0x7FFF, also scaled by 10 or 100."""
_OVER_CAPACITY = 1.1
"""A supply takes in more than it delivers: its efficiency is about 90 %."""
_OVER_MAXIMUM = 1.5
"""Power may rise above the maximum of the last minutes by this factor before the BMC updates the maximum."""
_WITH_UNIT = re.compile(r"\s*([-+]?\d+(?:\.\d+)?)\s*(?:W|Watts?|\u00b0?C|degC|Cel|degrees C)\.?\s*", re.IGNORECASE)
_GONE = frozenset({"absent", "disabled", "unavailableoffline", "deferring", "quiesced", "inactive"})


def mapping(value: object) -> Document:
    """Return a value that is a JSON object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> Sequence[Any]:
    """Return the first items of a JSON array, else nothing; an object in its place is an array of one (Cisco)."""
    if isinstance(value, Mapping):
        return [value]
    return value[:MAX_ITEMS] if isinstance(value, list) else []


def first(value: object) -> Document:
    """Return a value that is a JSON object, or the first one of an array of objects (Cisco), else an empty one."""
    return mapping(next(iter(items(value)), None))


def text(value: object) -> str:
    """Return the start of a value that is text, else ""."""
    return value[:MAX_TEXT] if isinstance(value, str) else ""


def number(value: object) -> float | None:
    """Return a finite number from a number or from text such as "20" or "20 W", else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and (found := _WITH_UNIT.fullmatch(value)):
        value = found[1]
    try:
        result = float(value)
    except (ValueError, OverflowError):
        return None
    return result if math.isfinite(result) else None


def index_of(part: str) -> int | None:
    """Return the place in an array that a part of a JSON pointer states, None if it is no place."""
    return int(part) if part.isascii() and part.isdigit() and len(part) < MAX_DIGITS else None


def link(document: Document, name: str) -> str:
    """Return the path that a property links to, else ""; what the path may be is checked before it is used."""
    return reference(first(document.get(name)) or document.get(name))


def reference(value: object) -> str:
    """Return the path of a reference, else "": an object with `@odata.id`, or the path itself as text (Cisco)."""
    return text(value) or text(mapping(value).get("@odata.id"))


def references(value: object) -> list[str]:
    """Return the paths of an array of references, or of a single one in its place."""
    return list(filter(None, map(reference, [value] if isinstance(value, str) else items(value))))


def excerpt_name(excerpt: Document) -> str:
    """Return the name of a sensor in an excerpt of it: its DeviceName, or else the last part of its DataSourceUri."""
    named = text(excerpt.get("DeviceName")).strip()
    return named or text(excerpt.get("DataSourceUri")).rstrip("/").rpartition("/")[2]


def available(document: Document) -> bool:
    """Return whether a sensor's Status says that it works; nothing said means it does."""
    state = text(mapping(document.get("Status")).get("State"))
    return state.lower() not in _GONE


def celsius(document: Document) -> float | None:
    """Return the temperature of a Sensor or of a member of Thermal.Temperatures [degC], None for none."""
    if not available(document):
        return None
    value = number(document.get("ReadingCelsius"))
    if value is None:
        value = _in_celsius(number(document.get("Reading")), text(document.get("ReadingUnits")))
    return inlet(value)


def inlet(value: object) -> float | None:
    """Return a plausible inlet temperature [degC], None for none.

    Exactly 0 is how many BMCs say "nothing there", whatever State claims: it is taken for missing.
    """
    result = number(value)
    if result is None or result == 0.0 or not INLET_RANGE[0] <= result <= INLET_RANGE[1]:
        return None
    return result


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
    if result is None or result in _NO_POWER or not POWER_RANGE[0] <= result <= POWER_RANGE[1]:
        return None
    return result


def consumed_watts(control: Document) -> float | None:
    """Return the power of a member of PowerControl [W], or of an object in its manner; None for none.

    A value above the capacity, or far above the maximum of the last minutes, is not the server's: it is a code for "no
    reading", or the power of the enclosure that the server shares with others.
    """
    if not available(control):
        return None
    names = ("PowerConsumedWatts", "Reading", "CurrentPowerConsumptionW", "TotalPower")
    value = next((found for name in names if (found := watts(control.get(name))) is not None), None)
    if value is None:
        return None
    capacity = watts(control.get("PowerCapacityWatts"))
    maximum = _recent_maximum(control)
    if capacity is not None and value > _OVER_CAPACITY * capacity:
        return None
    return None if maximum is not None and value > _OVER_MAXIMUM * maximum else value


def _recent_maximum(control: Document) -> float | None:
    """Return the maximum of the last minutes [W]; None where the statistics contradict themselves."""
    metrics = first(control.get("PowerMetrics")) or first(control.get("PowerMetric"))
    maximum, average, minimum = (watts(metrics.get(f"{kind}ConsumedWatts")) for kind in ("Max", "Average", "Min"))
    if maximum is None or (minimum or 0.0) > maximum or (average or 0.0) > maximum:
        return None
    return maximum


def supply_input(supplied: float | None, delivered: float | None, rated: float | None) -> float | None:
    """Return what a power supply draws [W]: 0 for a redundant one at rest, None when it is not known.

    Parameters
    ----------
    supplied
        The stated input [W].
    delivered
        The stated output [W], None when there is none.
    rated
        The largest output that the supply is made for [W], None when it is not known.
    """
    if supplied == 0.0:
        return None if delivered else 0.0
    value = watts(supplied)
    if value is None:
        return None
    if rated is not None and value >= rated and not (delivered is not None and delivered > 0.7 * rated):
        return None  # the rated input, not a measurement (iDRAC7)
    if delivered is not None and delivered > 0.0 and not 0.9 * delivered <= value <= 2.0 * delivered + 50.0:
        return None
    return value


def taken_in(metrics: Document) -> float | None:
    """Return what one power supply draws [W], from its PowerSupplyMetrics or a Sensor of its input; None for none."""
    if not available(metrics):
        return None
    if "Reading" in metrics:
        return supply_input(number(metrics.get("Reading")), None, None)
    supplied, delivered = (
        number(mapping(metrics.get(name)).get("Reading")) for name in ("InputPowerWatts", "OutputPowerWatts")
    )
    if supplied == 0.0 and delivered != 0.0:
        return None  # not measured, unless the output is stated to be 0 as well
    return supply_input(supplied, delivered, None)


def supplied_watts(power: Document) -> float | None:
    """Return the total input power of the working members of PowerSupplies [W]; None if one does not report it."""
    inputs = [_member_input(item) for item in map(mapping, items(power.get("PowerSupplies"))) if available(item)]
    if not inputs or any(value is None for value in inputs):
        return None
    total = watts(sum(value for value in inputs if value is not None))
    controls = [mapping(item) for item in items(power.get("PowerControl"))]
    capacities = [value for item in controls if (value := watts(item.get("PowerCapacityWatts"))) is not None]
    return None if total is not None and capacities and total > _OVER_CAPACITY * max(capacities) else total


def _member_input(supply: Document) -> float | None:
    oem = mapping(supply.get("Oem"))
    places = (supply, mapping(oem.get("Huawei")), mapping(oem.get("xFusion")))
    supplied = _first_number(places, "PowerInputWatts")
    delivered = _first_number(places, "PowerOutputWatts", "LastPowerOutputWatts")
    ranges = [watts(mapping(item).get("OutputWattage")) for item in items(supply.get("InputRanges"))]
    ratings = [rating for rating in (*ranges, watts(supply.get("PowerCapacityWatts"))) if rating is not None]
    return supply_input(supplied, delivered, max(ratings, default=None))


def _first_number(places: Sequence[Document], *names: str) -> float | None:
    found = (number(place.get(name)) for name in names for place in places)
    return next((value for value in found if value is not None), None)
