"""A self-signed serving certificate for use without a certificate authority, kept in a folder and renewed in time."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from wao_core.certificates.parts import Pair, builder, common_name, general_name, key_usage

LIFETIME = timedelta(days=365)
RENEW_BEFORE = timedelta(days=30)


def bootstrap_certificate(folder: Path, hosts: Iterable[str]) -> tuple[Path, Path]:
    """Return the files of certificate and key in `folder`.

    They are created unless the present ones are valid for `hosts` for 30 more days.
    """
    names = sorted({*hosts, "localhost", "127.0.0.1", "::1", socket.gethostname()})
    certificate, key = folder / "tls.crt", folder / "tls.key"
    if not _is_usable(certificate, key, names):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        pair = self_signed(names)
        _write(key, pair.key, 0o600)
        _write(certificate, pair.certificate, 0o644)
    return certificate, key


def self_signed(names: Sequence[str], *, now: datetime | None = None) -> Pair:
    """Return a new certificate, which clients can also trust as its own authority."""
    start = now or datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = common_name(f"wao@{int(start.timestamp())}")
    certificate = (
        builder(subject, subject, key.public_key(), start, LIFETIME)
        .add_extension(x509.SubjectAlternativeName([general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(signs=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Pair.of(certificate, key)


def expiry_of(certificate: Path) -> float:
    """Return when the first certificate of a PEM file expires, in seconds since the epoch."""
    return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc.timestamp()


def _is_usable(certificate: Path, key: Path, names: Sequence[str]) -> bool:
    if not (certificate.is_file() and key.is_file()):
        return False
    try:
        loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
        hosts = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    return loaded.not_valid_after_utc - datetime.now(UTC) > RENEW_BEFORE and all(
        general_name(name) in hosts for name in names
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    """Write by rename, so that a reader never sees half a file and others can never read the key."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    temporary.replace(path)
