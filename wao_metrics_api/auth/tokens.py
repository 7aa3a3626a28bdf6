"""Bearer tokens from a file, in the form of kube-apiserver's --token-auth-file: token,user,uid,"group1,group2"."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

from wao_metrics_api.auth.identity import User
from wao_predict.errors import UsageError


class TokenFile:
    """Judges tokens by a file, which is read again when it changed. Only hashes are kept in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed = 0
        self._users: dict[bytes, User] = {}
        self._load()

    async def review_token(self, token: str) -> User | None:
        """Return whose token it is, None when it is nobody's."""
        self._load()
        return self._users.get(_digest(token))

    def _load(self) -> None:
        try:
            changed = self._path.stat().st_mtime_ns
            if changed == self._changed:
                return
            rows = list(csv.reader(self._path.read_text().splitlines(), skipinitialspace=True))
        except OSError as error:
            if self._users:
                return  # a file that is being replaced: the tokens from before still count
            raise UsageError(f"the token file {self._path} cannot be read: {error.strerror}") from error
        users = {_digest(row[0]): _user(row) for row in rows if row and row[0] and not row[0].startswith("#")}
        if not users and not self._users:
            raise UsageError(f'the token file {self._path} has no line: write token,user,uid,"group1,group2"')
        self._users, self._changed = users, changed


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _user(row: list[str]) -> User:
    name, uid, groups = (*row[1:4], "", "", "")[:3]
    return User(name or "token", tuple(group for group in groups.split(",") if group), uid)
