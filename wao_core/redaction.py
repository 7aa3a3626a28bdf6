"""Passwords that this process has read, so that logs can mask them in whatever text they appear.

A server that gets a password can send it back, in an error that its client logs.
"""

from __future__ import annotations

import base64

SHORTEST = 6
"""Characters of the shortest password that is masked: a shorter one would mask parts of ordinary words."""
MOST = 20_000
"""Texts that are remembered; the oldest is forgotten first."""
MASK = "***"

_hidden: dict[str, None] = {}


def hide_password(username: str, password: str) -> None:
    """Mask a password, and its form in basic authentication, from now on."""
    if len(password) < SHORTEST:
        return
    for text in (password, base64.b64encode(f"{username}:{password}".encode()).decode()):
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
