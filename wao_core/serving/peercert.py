"""The TLS client's certificate on every request: uvicorn itself does not pass it on.

uvicorn copies a connection's `app_state` into `scope["state"]`, so a protocol class that puts the certificate there
when the connection is made needs no patching. Identity is per connection; headers are per request.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from dataclasses import dataclass
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

STATE_KEY = "tls_peer"


@dataclass(frozen=True, slots=True)
class TlsPeer:
    """A client certificate that the handshake verified.

    `leaf` and `root` are SHA-256 digests in hex of the client's certificate and of the authority its chain ends in.
    `root` is None when the chain is not known; such a peer must be refused.
    """

    common_name: str
    organisations: tuple[str, ...]
    leaf: str
    root: str | None


class PeerCertProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol with `request.state.tls_peer`: a `TlsPeer`, or None without a certificate."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Read the peer certificate once for the connection."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, STATE_KEY: peer_of(transport.get_extra_info("ssl_object"))}


def peer_of(connection: ssl.SSLObject | None) -> TlsPeer | None:
    """Return who the other end of a TLS connection proved to be, None when it showed no certificate."""
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
