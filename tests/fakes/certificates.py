"""Self-signed serving certificates, as BMCs have them."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def self_signed_in(folder: Path, hosts: Sequence[str] = ("127.0.0.1",)) -> SelfSigned:
    """Return a new certificate in a folder."""
    return SelfSigned(*bootstrap_certificate(folder, hosts))
