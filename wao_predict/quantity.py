"""Kubernetes quantities: text to exact decimals and back to the canonical DecimalSI form.

Source: k8s.io/apimachinery/pkg/api/resource/quantity.go. Text such as "156340384n" (metrics-server) and "25500m" is
exact. Values that Go clients would overflow when reading (9.2e15 and more, as they count in thousandths) are not
written.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache

from wao_predict.errors import QuantityError

_SUFFIXES = {
    **{
        suffix: Decimal(10) ** power
        for suffix, power in zip(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), range(-9, 19, 3), strict=True)
    },
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", start=1)},
}
_QUANTITY = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))([eE][+-]?[0-9]+|[A-Za-z]{0,2})")
_MAX_LENGTH = 1024
_MAX_EXPONENT = 999
MAX_CORES = 1_000_000.0
"""Most CPU of a node or a pod in a table; more is in another unit [cores]."""
_MAX_CORES = 2.0**63
"""CPU beyond apimachinery's largest amount counts as this, so that sums stay finite."""
_CONTEXT = Context(prec=60)
_LARGEST = Decimal("9.2e15")
_CANONICAL = ("n", "u", "m", "", "k", "M", "G", "T", "P", "E")


def parse_quantity(quantity: str | int | float) -> Decimal:
    """Return the value of a quantity, exact to 60 significant digits.

    Raises
    ------
    QuantityError
        The text is not a quantity, is longer than 1,024 characters, or has an exponent beyond 999.

    Examples
    --------
    >>> parse_quantity("250m")
    Decimal('0.250')
    >>> int(parse_quantity("2Ki"))
    2048
    >>> int(parse_quantity("12e3"))
    12000
    """
    text = _text(quantity)
    match = _QUANTITY.fullmatch(text) if len(text) <= _MAX_LENGTH else None
    if match is None:
        raise QuantityError(f"{text!r:.60} is not a quantity: write a number with a suffix, such as 500m or 2Gi")
    number, suffix = match.groups()
    scale = _SUFFIXES.get(suffix)
    if scale is not None:
        return _CONTEXT.multiply(_CONTEXT.create_decimal(number), scale)
    if suffix[1:].isalpha() or len(suffix) == 1:  # "Ei" is a suffix; "E6" and "e-3" are exponents
        raise QuantityError(
            f"{text!r:.60} has the unknown suffix {suffix!r}: use n u m k M G T P E or Ki Mi Gi Ti Pi Ei"
        )
    if abs(int(suffix[1:])) > _MAX_EXPONENT:
        raise QuantityError(f"{text!r:.60} has an exponent beyond {_MAX_EXPONENT}: write a smaller one")
    return _CONTEXT.create_decimal(number + suffix)


def _text(quantity: object) -> str:
    """Return a quantity as text; JSON and YAML may write it as a number."""
    if isinstance(quantity, str):
        return quantity
    if isinstance(quantity, bool) or not isinstance(quantity, int | float):
        raise QuantityError(f"{quantity!r:.60} is not a quantity: write a number with a suffix, such as 500m or 2Gi")
    if isinstance(quantity, int) and quantity.bit_length() > _MAX_LENGTH:
        raise QuantityError(f"a whole number of {quantity.bit_length()} bits is too large for a quantity")
    return repr(quantity)


def cores(quantity: str | int | float) -> float:
    """Return a CPU quantity in cores, finite and at least 0.

    Raises
    ------
    QuantityError
        Not a quantity, or negative.
    """
    return _known_cores(quantity) if isinstance(quantity, str) else _cores(quantity)


def _cores(quantity: str | int | float) -> float:
    value = parse_quantity(quantity)
    if value < 0:
        raise QuantityError(f"{quantity!r:.60} is negative: give CPU as a positive quantity, such as 500m")
    return min(float(value), _MAX_CORES)


_known_cores = lru_cache(maxsize=1024)(_cores)  # the Pods of a cluster use only a few sizes


def format_quantity(value: float | Decimal) -> str:
    """Return the canonical DecimalSI form, exact to 1e-9.

    Raises
    ------
    QuantityError
        Not finite, or so large that Go clients would overflow: there is no value to write.

    Examples
    --------
    >>> [format_quantity(x) for x in (25.5, 0, 1000, 1e-6)]
    ['25500m', '0', '1k', '1u']
    """
    number = value if isinstance(value, Decimal) else _CONTEXT.create_decimal(repr(float(value)))
    if not number.is_finite() or abs(number) >= _LARGEST:
        raise QuantityError(f"{value!r} cannot be written as a quantity: it is not finite or beyond 9.2e15")
    nano = int(_CONTEXT.multiply(number, Decimal(10) ** 9).to_integral_value(ROUND_HALF_EVEN))
    if nano == 0:
        return "0"
    step = 0
    while nano % 1000 == 0 and step < len(_CANONICAL) - 1:
        nano //= 1000
        step += 1
    return f"{nano}{_CANONICAL[step]}"
