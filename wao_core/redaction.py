"""Passwords that this process has read, so that logs can mask them in whatever text they appear.

A server that gets a password can send it back, in an error that its client logs.
"""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import quote

SHORTEST = 6
"""Characters of the shortest password that is masked: a shorter one would mask parts of ordinary words."""
MOST = 20_000
"""Texts that are remembered; the oldest is forgotten first."""
MASK = "***"
_USERINFO = re.compile(
    r"(?<=://)(?:[^/\s\"'<>]*@"
    # with a slash in the password: what follows the colon is no port
    r"|[^/\s@:\"'\[]*:(?!\d{1,5}(?:[/?#\s\"',;)]|\Z))[^\s\"']{0,256}@)"
)
"""User and password of a URL, which may contain unquoted characters."""

_hidden: dict[str, None] = {}


def hide_password(username: str, password: str) -> None:
    """Mask a password, and its forms in JSON, in a URL and in basic authentication, from now on."""
    if len(password) < SHORTEST:
        return
    basic = base64.b64encode(f"{username}:{password}".encode()).decode()
    # as a server may quote it, in JSON and in a URL
    for text in dict.fromkeys((password, json.dumps(password)[1:-1], quote(password, safe=""), basic)):
        _hidden.pop(text, None)
        _hidden[text] = None
    while len(_hidden) > MOST:
        del _hidden[next(iter(_hidden))]


def mask_passwords(text: str) -> str:
    """Return a text without the passwords that have been read."""
    found = [hidden for hidden in tuple(_hidden) if hidden in text]
    for hidden in sorted(found, key=len, reverse=True):  # one may be the beginning of another
        text = text.replace(hidden, MASK)
    return text


def mask_userinfo(text: str) -> str:
    """Return a text without user and password in its URLs.

    Examples
    --------
    >>> mask_userinfo("https://reader:p@ss@10.1.0.17/redfish"), mask_userinfo("https://10.1.0.17:443/a@b")
    ('https://***@10.1.0.17/redfish', 'https://10.1.0.17:443/a@b')
    """
    return _USERINFO.sub(f"{MASK}@", text)
