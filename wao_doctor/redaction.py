"""Removes what could be a credential from text and from JSON values, for a support bundle. Pure.

Facts have no fields for credentials. A person may have written one where it must not be, such as in an argument or in a
URL, so every text is searched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from wao_core.redaction import MASK, mask_passwords

_RULES = (
    # PEM blocks of private keys, also cut ones
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), MASK),
    # user and password of a URL
    (re.compile(r"(?<=://)[^/\s@'\"]+@"), f"{MASK}@"),
    # Authorization headers
    (re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{6,}", re.IGNORECASE), rf"\1 {MASK}"),
    # JSON web tokens
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]*){1,2}"), MASK),
    # name=value and name: value with a name that says what it is; a path or the name of a flag's file stays
    (
        re.compile(
            r"(?i)\b([\w.-]*(?:password|passwd|secret|token|api[_-]?key|credential)s?)(\"?\s*[=:]\s*\"?)"
            r"(?![/\s\"])[^\s,;&\"'}\]]+"
        ),
        rf"\1\2{MASK}",
    ),
)
_KEYS = re.compile(r"(?i)(password|passwd|token|api[_-]?key|private[_-]?key|credential)s?$")
_FLAGS = re.compile(r"(?i)--?[\w.-]*(password|passwd|secret|token|api[_-]?key|private[_-]?key|credential)s?")


def redacted_text(text: str) -> str:
    """Return a text without what could be a credential.

    Examples
    --------
    >>> redacted_text("https://reader:hunter2@10.1.0.17/redfish --token=abc")
    'https://***@10.1.0.17/redfish --token=***'
    """
    text = mask_passwords(text)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def redacted(value: Any) -> Any:
    """Return a JSON value of which no text could be a credential; a value whose key says that it is one is masked.

    Examples
    --------
    >>> redacted({"password": "hunter2", "args": ["--token=abc"], "replicas": 2})
    {'password': '***', 'args': ['--token=***'], 'replicas': 2}
    >>> redacted(["--token", "abc", "--port", "8443"])
    ['--token', '***', '--port', '8443']
    """
    if isinstance(value, str):
        return redacted_text(value)
    if isinstance(value, Mapping):
        return {
            redacted_text(str(key)): MASK if _KEYS.search(str(key)) and isinstance(held, str) else redacted(held)
            for key, held in value.items()
        }
    if isinstance(value, list | tuple):
        before = (None, *value)  # the value of a flag can be the next argument
        return [MASK if _is_value_of(flag, item) else redacted(item) for flag, item in zip(before, value, strict=False)]
    return value


def _is_value_of(flag: Any, item: Any) -> bool:
    """Return whether an argument is the value of a flag for a credential; a path and another flag are not."""
    if not isinstance(flag, str) or not isinstance(item, str):
        return False
    return _FLAGS.fullmatch(flag) is not None and not item.startswith(("/", "--"))
