"""The identity that a TLS client proved by its certificate."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass
from typing import Any, cast

STATE_KEY = "tls_peer"
"""Key of the `TlsPeer` in a request's `scope["state"]`."""


@dataclass(frozen=True, slots=True)
class TlsPeer:
    """A client certificate that the handshake verified.

    `leaf` and `root` are SHA-256 digests (hex) of the client's certificate and of the authority that ends its chain.
    `root` is None when the chain is unknown; such a peer must be refused.
    """

    common_name: str
    organisations: tuple[str, ...]
    leaf: str
    root: str | None


def peer_of(connection: ssl.SSLObject | None) -> TlsPeer | None:
    """Return the peer of a TLS connection, or None when it sent no certificate."""
    if connection is None:
        return None
    certificate = connection.getpeercert()
    if not certificate:
        return None
    pairs = [pair for names in certificate.get("subject", ()) for pair in cast(Any, names)]
    chain = _verified_chain(connection)
    return TlsPeer(
        common_name=next((value for key, value in pairs if key == "commonName"), ""),
        organisations=tuple(value for key, value in pairs if key == "organizationName"),
        leaf=hashlib.sha256(connection.getpeercert(binary_form=True) or b"").hexdigest(),
        root=hashlib.sha256(chain[-1]).hexdigest() if chain else None,
    )


def _verified_chain(connection: ssl.SSLObject) -> list[bytes]:
    # public since Python 3.13, on the private object since 3.10
    get = getattr(connection, "get_verified_chain", None) or cast(Any, connection)._sslobj.get_verified_chain
    return [item if isinstance(item, bytes) else ssl.PEM_cert_to_DER_cert(item.public_bytes()) for item in get() or ()]
