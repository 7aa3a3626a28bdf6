"""Removes what could be a credential from text and from JSON values, for a support bundle. Pure.

Facts have no fields for credentials. A person may have written one where it must not be, such as in an argument or in a
URL, so every text is searched. Authors of objects choose these texts: each pattern takes linear time.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from wao_core.redaction import MASK, mask_passwords, mask_userinfo

_NAME = r"(?i:password|passwd|secret|token|(?:api|access|private)[_-]?key|key[_-]?data|credential)s?"
"""End of a name that says that its value is a credential."""
_QUOTED = r"\"(?:[^\"\\]|\\.)*+\"?|'(?:[^']|'')*+'?|\\\"(?:(?!\\\").)*+(?:\\\")?"
"""A value in quotes, also in those of JSON within a text; the last quote may have been cut off."""
_BLOCK = r"[|>][-+\d]*[ \t]*\n(?:[ \t]+[^\n]*\n?|\n)*+"
"""The lines of a block of YAML, and others with an indentation below them."""
_PLAIN = r"(?![/\s\"'\\])[^\s\"'}\]]++"
"""A value without quotes; a path is not masked, as it is no credential."""
_RULES = (
    # PEM blocks of private keys, also cut ones
    (re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)", re.S), MASK),
    # Authorization headers
    (re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{6,}", re.IGNORECASE), rf"\1 {MASK}"),
    # JSON web tokens
    (re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]*+){1,2}"), MASK),
    # name=value and name: value; the name of a flag's file stays
    (re.compile(rf"({_NAME}(?:\\?[\"'])?\s*+[=:]\s*+)(?:{_QUOTED}|{_BLOCK}|{_PLAIN})"), rf"\1{MASK}"),
)
_ENCODED = re.compile(r"LS0tLS1CRUdJTi[A-Za-z0-9+/]*+=*+")
"""PEM in base64, as in a kubeconfig."""
_KEYS = re.compile(rf"{_NAME}\Z")
_FLAGS = re.compile(rf"--?[\w.-]*{_NAME}")
_FLAGS_WITH_VALUE = re.compile(rf"(--?[\w.-]*{_NAME}=)(?!/).+", re.DOTALL)


def redacted_text(text: str) -> str:
    """Return a text without what could be a credential.

    Examples
    --------
    >>> redacted_text("https://reader:hunter2@10.1.0.17/redfish --token=abc")
    'https://***@10.1.0.17/redfish --token=***'
    """
    text = _ENCODED.sub(_without_key, mask_userinfo(mask_passwords(text)))
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def _without_key(found: re.Match[str]) -> str:
    """Return PEM in base64 as it is, unless it is a private key."""
    begin = found[0][:96]
    try:
        key = b"PRIVATE KEY" in base64.b64decode(begin[: len(begin) // 4 * 4])
    except binascii.Error:
        key = True
    return MASK if key else found[0]


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
            redacted_text(str(key)): _masked(held) if _KEYS.search(str(key)) else redacted(held)
            for key, held in value.items()
        }
    if isinstance(value, list | tuple):
        before = (None, *value)  # the value of a flag can be the next argument
        return [_argument(flag, item) for flag, item in zip(before, value, strict=False)]
    return value


def _masked(value: Any) -> Any:
    """Return a value whose key says that it is a credential: masked if it is text, or a list of texts."""
    if isinstance(value, str):
        return MASK
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    return redacted(value)


def _argument(flag: Any, item: Any) -> Any:
    """Return an argument, masked if it is the value of a flag for a credential; a path and another flag are not."""
    if not isinstance(item, str):
        return redacted(item)
    if isinstance(flag, str) and _FLAGS.fullmatch(flag) is not None and not item.startswith(("/", "--")):
        return MASK
    return redacted_text(_FLAGS_WITH_VALUE.sub(rf"\1{MASK}", item) if _FLAGS_WITH_VALUE.fullmatch(item) else item)
