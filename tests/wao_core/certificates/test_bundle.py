"""What may be published as an authority to trust."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from wao_core.certificates.authority import new_authority
from wao_core.certificates.bundle import MAX_AUTHORITY_FILE, read_authority_file
from wao_core.errors import AuthorityFileError


def test_the_certificates_of_a_file_are_returned_as_they_are(tmp_path: Path) -> None:
    pem = b"".join(new_authority(datetime.now(UTC)).certificate for _ in range(2))
    (tmp_path / "ca.crt").write_bytes(pem)
    assert pem == read_authority_file(tmp_path / "ca.crt")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "no certificate in PEM format"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no certificate in PEM format"),
        (new_authority(datetime.now(UTC)).certificate + "ä".encode(), "no certificate in PEM format"),
        (new_authority(datetime.now(UTC)).key, "has a private key, and is published"),
        (b"a" * (MAX_AUTHORITY_FILE + 1), "more than 1048576 bytes"),
    ],
    ids=["empty", "damaged", "not ASCII", "a key", "too large"],
)
def test_a_file_without_certificates_alone_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    file = tmp_path / "ca.crt"
    file.write_bytes(content)
    with pytest.raises(AuthorityFileError, match=problem):
        read_authority_file(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AuthorityFileError, match=r"--authority-file .*none\.crt: No such file"):
        read_authority_file(tmp_path / "none.crt")
