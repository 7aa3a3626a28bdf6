"""Certificate authorities and client certificates for tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from wao_core.certificates.parts import Pair, builder, common_name, general_name

LIFE = timedelta(days=2)


@dataclass(frozen=True)
class Authority:
    """One authority that signs client or server certificates."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def new(cls, name: str) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = common_name(name)
        unsigned = builder(subject, subject, key.public_key(), datetime.now(UTC), LIFE).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        return cls(unsigned.sign(key, hashes.SHA256()), key)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(
        self,
        folder: Path,
        name: str,
        *,
        groups: tuple[str, ...] = (),
        usage: ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
        hosts: tuple[str, ...] = (),
    ) -> tuple[Path, Path]:
        """Write a certificate and its key, and return the two files."""
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        subject = x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, name)])
        unsigned = builder(subject, self.certificate.subject, key.public_key(), datetime.now(UTC), LIFE).add_extension(
            x509.ExtendedKeyUsage([usage]), critical=False
        )
        if hosts:
            names = x509.SubjectAlternativeName([general_name(host) for host in hosts])
            unsigned = unsigned.add_extension(names, critical=False)
        pair = Pair.of(unsigned.sign(self.key, hashes.SHA256()), key)
        crt, pem = folder / f"{name}.crt", folder / f"{name}.key"
        crt.write_bytes(pair.certificate)
        pem.write_bytes(pair.key)
        return crt, pem
