"""Kubernetes quantities: text to exact decimals and back to the canonical DecimalSI form.

Source: k8s.io/apimachinery/pkg/api/resource. Text such as "156340384n" (metrics-server) and "25500m" is exact here;
what Go silently overflows (9.2e15 and more, as it counts in thousandths) is refused when written.
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
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))([eE][+-]?\d{1,3}|[A-Za-z]{0,2})")
_CONTEXT = Context(prec=60)
_LARGEST = Decimal("9.2e15")
_CANONICAL = ("n", "u", "m", "", "k", "M", "G", "T", "P", "E")


def parse_quantity(quantity: str | int | float) -> Decimal:
    """Return the exact value of a quantity.

    Raises
    ------
    QuantityError
        The text is not a quantity.

    Examples
    --------
    >>> parse_quantity("250m")
    Decimal('0.250')
    >>> int(parse_quantity("2Ki"))
    2048
    """
    if isinstance(quantity, bool) or not isinstance(quantity, str | int | float):
        raise QuantityError(f"{quantity!r:.60} is not a quantity: write a number with a suffix, such as 500m or 2Gi")
    text = quantity if isinstance(quantity, str) else repr(quantity)
    match = _NUMBER.fullmatch(text)
    if match is None or len(text) > 64:
        raise QuantityError(f"{text!r:.60} is not a quantity: write a number with a suffix, such as 500m or 2Gi")
    number, tail = match.groups()
    if tail[:1] in ("e", "E") and len(tail) > 1:
        return _CONTEXT.create_decimal(number + tail)
    scale = _SUFFIXES.get(tail)
    if scale is None:
        raise QuantityError(f"{text!r:.60} has the unknown suffix {tail!r}: use n u m k M G T P E or Ki Mi Gi Ti Pi Ei")
    return _CONTEXT.multiply(_CONTEXT.create_decimal(number), scale)


def cores(quantity: str | int | float) -> float:
    """Return a CPU quantity in cores.

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
    return float(value)


_known_cores = lru_cache(maxsize=1024)(_cores)  # the pods of a cluster state a few sizes


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
