"""A self-signed serving certificate for use without a certificate authority, kept in a folder and renewed in time."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = timedelta(days=365)
RENEW_BEFORE = timedelta(days=30)


def bootstrap_certificate(folder: Path, hosts: Iterable[str]) -> tuple[Path, Path]:
    """Return (certificate, key) files in `folder`, made anew unless those there still hold 30 days for `hosts`."""
    names = sorted({*hosts, "localhost", "127.0.0.1", "::1", socket.gethostname()})
    certificate, key = folder / "tls.crt", folder / "tls.key"
    if not _usable(certificate, key, names):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        certificate_pem, key_pem = self_signed(names)
        _write(key, key_pem, 0o600)
        _write(certificate, certificate_pem, 0o644)
    return certificate, key


def self_signed(names: Sequence[str], *, now: datetime | None = None) -> tuple[bytes, bytes]:
    """Return a new certificate that clients can also trust as its own authority, and its key, both PEM."""
    start = now or datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"wao@{int(start.timestamp())}")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - timedelta(minutes=5))  # clocks differ
        .not_valid_after(start + LIFETIME)
        .add_extension(x509.SubjectAlternativeName([general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(signs=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return pem_of(certificate, key)


def pem_of(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> tuple[bytes, bytes]:
    """Return both as PEM; the key is not encrypted."""
    return certificate.public_bytes(serialization.Encoding.PEM), key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def expiry_of(certificate: Path) -> float:
    """Return when the first certificate of a PEM file expires, in seconds since the epoch."""
    return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc.timestamp()


def _usable(certificate: Path, key: Path, names: Sequence[str]) -> bool:
    if not (certificate.is_file() and key.is_file()):
        return False
    try:
        loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
        held = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    return loaded.not_valid_after_utc - datetime.now(UTC) > RENEW_BEFORE and all(
        general_name(name) in held for name in names
    )


def general_name(name: str) -> x509.GeneralName:
    """Return a host name or an address as a certificate holds it."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def key_usage(*, signs: bool) -> x509.KeyUsage:
    """Return what a key is for: to serve, and when it `signs`, to sign other certificates."""
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    """Write by rename, so that a reader never sees half a file; the key is never readable by others."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    temporary.replace(path)
