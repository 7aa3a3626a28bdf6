"""Bearer tokens from a file, in the form of kube-apiserver's --token-auth-file: token,user,uid,"group1,group2"."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

from wao_core.serving.auth.identity import User
from wao_predict.errors import UsageError


class TokenFile:
    """Finds the users of tokens in a file, which is read again when it changes. Only hashes stay in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed = 0
        self._users: dict[bytes, User] = {}
        self._load()

    async def review_token(self, token: str) -> User | None:
        """Return the user of a token, or None for an unknown token."""
        self._load()
        return self._users.get(_digest(token))

    def _load(self) -> None:
        try:
            changed = self._path.stat().st_mtime_ns
            if changed == self._changed:
                return
            rows = list(csv.reader(self._path.read_text().splitlines(), skipinitialspace=True))
        except (OSError, ValueError, csv.Error) as error:  # UnicodeDecodeError is a ValueError
            if self._users:
                return  # the file is being replaced: the last tokens stay valid
            reason = error.strerror if isinstance(error, OSError) else f"not CSV in UTF-8 ({type(error).__name__})"
            raise UsageError(f"the token file {self._path} cannot be read: {reason}") from None
        users = {_digest(row[0]): _user(row) for row in rows if row and row[0] and not row[0].startswith("#")}
        if not users and not self._users:
            raise UsageError(f'the token file {self._path} has no line: write token,user,uid,"group1,group2"')
        self._users, self._changed = users, changed


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _user(row: list[str]) -> User:
    name, uid, groups = (*row[1:4], "", "", "")[:3]
    return User(name or "token", tuple(group for group in groups.split(",") if group), uid)
