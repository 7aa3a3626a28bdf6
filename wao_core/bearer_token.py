"""Bearer tokens that this process sends, read from files."""

from __future__ import annotations

from pathlib import Path

from wao_core.redaction import hide_password
from wao_predict.errors import UsageError

MAX_TOKEN = 64 * 1024


def read_bearer_token(file: Path) -> str:
    """Return the token in a file; from then on logs mask it.

    Raises
    ------
    UsageError
        The file cannot be read, or it has no token of one line.
    """
    try:
        with file.open("rb") as opened:
            token = opened.read(MAX_TOKEN + 1).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not ASCII text"
        raise UsageError(f"the token file {file} cannot be read: {reason}") from None
    if not 0 < len(token) <= MAX_TOKEN or not token.isprintable() or " " in token:
        raise UsageError(f"the token file {file} has no token: write one line without spaces")
    hide_password("", token)
    return token
