"""Bearer tokens from a file, which may change while the server runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wao_core.serving.auth.identity import User
from wao_core.serving.auth.tokens import TokenFile
from wao_predict.errors import UsageError

LINES = '# token,user,uid,groups\nabc,scheduler,1,"readers,system:nodes"\nbare\nspaced, ann , 2\n\n,nobody\n'


def written(folder: Path, text: str | bytes, *, at: int = 1) -> Path:
    path = folder / "tokens.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.utime(path, (at, at))
    return path


@pytest.mark.parametrize(
    ("token", "user"),
    [
        ("abc", User("scheduler", ("readers", "system:nodes"), "1")),
        ("bare", User("token")),
        ("spaced", User("ann ", (), "2")),
        ("unknown", None),
        ("", None),
        ("# token", None),
    ],
)
async def test_a_line_is_a_token_and_its_user(tmp_path: Path, token: str, user: User | None) -> None:
    assert await TokenFile(written(tmp_path, LINES)).review_token(token) == user


async def test_a_changed_file_counts_with_the_next_request(tmp_path: Path) -> None:
    tokens = TokenFile(written(tmp_path, "old,ann"))
    written(tmp_path, "new,ben", at=2)
    assert await tokens.review_token("old") is None
    assert await tokens.review_token("new") == User("ben")


@pytest.mark.parametrize("text", [None, b"\xff\xfe"])
async def test_while_a_file_is_replaced_the_last_tokens_stay_valid(tmp_path: Path, text: bytes | None) -> None:
    path = written(tmp_path, "old,ann")
    tokens = TokenFile(path)
    if text is None:
        path.unlink()
    else:
        written(tmp_path, text, at=2)
    assert await tokens.review_token("old") == User("ann")


async def test_an_emptied_file_refuses_every_token(tmp_path: Path) -> None:
    tokens = TokenFile(written(tmp_path, "old,ann"))
    written(tmp_path, "# none any more\n", at=2)
    assert await tokens.review_token("old") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read: No such file"),
        (b"\xff", "not CSV in UTF-8"),
        ("", 'write token,user,uid,"group1,group2"'),
    ],
)
def test_an_unusable_file_is_reported_at_the_start(tmp_path: Path, text: str | bytes | None, words: str) -> None:
    path = tmp_path / "none.csv" if text is None else written(tmp_path, text)
    with pytest.raises(UsageError, match=words):
        TokenFile(path)


def test_tokens_are_not_kept_in_memory(tmp_path: Path) -> None:
    assert "secret-token" not in repr(vars(TokenFile(written(tmp_path, "secret-token,ann"))))
