"""Self-signed serving certificates: kept while they are usable, replaced otherwise."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from wao_core.certificates.self_signed import LIFETIME, bootstrap_certificate, expiry_of, self_signed


def test_a_good_self_signed_certificate_is_kept_and_a_wrong_one_replaced(tmp_path: Path) -> None:
    certificate, _ = bootstrap_certificate(tmp_path, ["wao.example"])
    first = certificate.read_bytes()
    bootstrap_certificate(tmp_path, ["wao.example"])
    assert certificate.read_bytes() == first
    bootstrap_certificate(tmp_path, ["other.example"])
    assert certificate.read_bytes() != first


def test_a_certificate_is_replaced_thirty_days_before_it_expires(tmp_path: Path) -> None:
    names = sorted({"localhost", "127.0.0.1", "::1", socket.gethostname()})
    for left, kept in ((timedelta(days=31), True), (timedelta(days=29), False)):
        pair = self_signed(names, now=datetime.now(UTC) - LIFETIME + left)
        (tmp_path / "tls.crt").write_bytes(pair.certificate)
        (tmp_path / "tls.key").write_bytes(pair.key)
        certificate, _ = bootstrap_certificate(tmp_path, [])
        assert (certificate.read_bytes() == pair.certificate) is kept


@pytest.mark.parametrize("text", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"])
def test_a_file_that_is_no_certificate_is_replaced(tmp_path: Path, text: str) -> None:
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).write_text(text)
    certificate, _ = bootstrap_certificate(tmp_path, [])
    assert expiry_of(certificate) > datetime.now(UTC).timestamp() + 86400.0


def test_the_key_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    certificate, key = bootstrap_certificate(tmp_path / "new", ["10.0.0.7"])
    assert (key.stat().st_mode & 0o777, certificate.stat().st_mode & 0o777) == (0o600, 0o644)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["tls.crt", "tls.key"]


def test_the_certificate_is_for_the_hosts_and_this_machine_and_its_own_authority(tmp_path: Path) -> None:
    loaded = x509.load_pem_x509_certificate(
        bootstrap_certificate(tmp_path, ["10.0.0.7", "wao.example"])[0].read_bytes()
    )
    names = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"wao.example", "localhost"} <= set(names.get_values_for_type(x509.DNSName))
    assert {"10.0.0.7", "127.0.0.1", "::1"} <= {str(item) for item in names.get_values_for_type(x509.IPAddress)}
    loaded.verify_directly_issued_by(loaded)
