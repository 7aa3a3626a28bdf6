"""JSON from servers that nobody vouches for, within bounds: parsing does not hold an event loop for long."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

MOST_VALUES = 200_000
"""Values of one answer: the largest resource of a BMC has some 20,000, and 4,096 predictions are 4,096."""


NOT_JSON = (ValueError, RecursionError)
"""What decoders raise for a text that is not the JSON that is expected.

`json.JSONDecodeError`, `UnicodeDecodeError` and `msgspec.DecodeError` are a `ValueError`; a text that is nested too
deeply leads to a `RecursionError`, also in parts that the decoder skips.
"""

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


def parse_json(
    body: bytes,
    *,
    constant: Callable[[str], Any] | None = None,
    lenient: bool = False,
    most: int = MOST_VALUES,
) -> Any:
    """Return the value of a JSON text. Half of a surrogate pair, which no encoding can write, is replaced.

    Parameters
    ----------
    constant
        Returns the value of "NaN", "Infinity" and "-Infinity", which are no JSON; by default a float.
    lenient
        Accept control characters in strings and NUL characters at the end, and replace bytes that cannot be decoded.
    most
        Most values of the text.

    Raises
    ------
    ValueError
        The text is not JSON, is nested too deeply, or has too many values.
    """
    if has_more_values(body, most):
        raise ValueError(f"more than {most} values")
    try:
        text = body.decode(json.detect_encoding(body), "replace" if lenient else "surrogatepass")
        if lenient:
            text = text.rstrip("\0 \r\n\t")
        value = _decoder(constant, not lenient).decode(text)
        return _without_surrogates(value) if _has_surrogates(text) else value
    except RecursionError:
        raise ValueError("nested too deeply") from None


@lru_cache(maxsize=8)
def _decoder(constant: Callable[[str], Any] | None, strict: bool) -> json.JSONDecoder:
    return json.JSONDecoder(parse_constant=constant, strict=strict)


def _has_surrogates(text: str) -> bool:
    # the expression takes longer than parsing, and most texts need no look
    return ("\\u" in text or not text.isascii()) and _SURROGATE.search(text) is not None


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return [_without_surrogates(item) for item in value] if isinstance(value, list) else value


def has_more_values(body: bytes, most: int) -> bool:
    """Return whether a JSON text may have more values than `most`, without parsing it; text with commas counts too."""
    return len(body) > most and body.count(b",") + body.count(b"[") + body.count(b"{") > most


def as_text(value: object) -> str:
    """Return parsed JSON as text for a message; text is returned as it is."""
    try:
        return value if isinstance(value, str) else json.dumps(value)
    except RecursionError:  # encoding allows slightly fewer levels than parsing
        return "a value that is nested too deeply"
