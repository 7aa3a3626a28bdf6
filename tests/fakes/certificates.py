"""Self-signed serving certificates, as BMCs have them."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from wao_core.certificates.self_signed import bootstrap_certificate


@dataclass(frozen=True)
class SelfSigned:
    """The files of a certificate and its key; for another host than 127.0.0.1 the name does not match."""

    certificate: Path
    key: Path

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate in hex."""
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.certificate.read_text())).hexdigest()

    @property
    def serving(self) -> ssl.SSLContext:
        """The context of a server with this certificate."""
        return self.serving_with()

    def serving_with(self, ciphers: str = "") -> ssl.SSLContext:
        """Return the context of a server that has only these TLS 1.2 ciphers, at any level of security."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if ciphers:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
        context.load_cert_chain(self.certificate, self.key)
        return context


def self_signed_in(folder: Path, hosts: Sequence[str] = ("127.0.0.1",)) -> SelfSigned:
    """Return a new certificate in a folder."""
    return SelfSigned(*bootstrap_certificate(folder, hosts))


def old_certificate_in(folder: Path, *, bits: int = 2048) -> SelfSigned:
    """Return a new RSA certificate without names, which has expired, as older BMCs have it."""
    key = rsa.generate_private_key(65537, bits)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "IPMI")])
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key(), serial_number=1)
        .not_valid_before(datetime(2014, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2024, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    made = SelfSigned(folder / "old.crt", folder / "old.key")
    made.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    made.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    return made
