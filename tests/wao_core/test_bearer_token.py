"""Tokens in files: one line, never quoted, and masked in logs once it is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from wao_core.bearer_token import MAX_TOKEN, read_bearer_token
from wao_core.redaction import mask_passwords
from wao_predict.errors import UsageError


def test_a_token_is_returned_without_the_end_of_its_line_and_masked_from_then_on(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("a-token-of-this-test\n")
    assert read_bearer_token(file) == "a-token-of-this-test"
    assert "a-token-of-this-test" not in mask_passwords("sent a-token-of-this-test to the server")


@pytest.mark.parametrize("content", [b"", b" \n", b"two words", b"two\nlines", b"\xff\xfe", b"x" * (MAX_TOKEN + 1)])
def test_a_file_without_a_token_of_one_line_is_refused_and_not_quoted(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="the token file") as raised:
        read_bearer_token(file)
    assert "two" not in str(raised.value)
    assert "xxx" not in str(raised.value)


def test_a_missing_file_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_bearer_token(tmp_path / "gone")
