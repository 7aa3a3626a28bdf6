"""Passwords that this process has read, so that logs can mask them in whatever text they appear.

A server that gets a password can send it back, in an error that its client logs.
"""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

SHORTEST = 6
"""Characters of the shortest password that is masked: a shorter one would mask parts of ordinary words."""
MOST = 20_000
"""Texts that are remembered; the oldest is forgotten first."""
MASK = "***"

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
    for hidden in tuple(_hidden):
        if hidden in text:
            text = text.replace(hidden, MASK)
    return text
