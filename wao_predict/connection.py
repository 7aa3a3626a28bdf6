"""Where a server is and how it is trusted: origins, TLS policies, credentials, bounds. No I/O."""

from __future__ import annotations

import hashlib
import hmac
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from wao_predict.errors import UsageError


@dataclass(frozen=True, slots=True)
class TlsPolicy:
    """How a server's certificate is verified; by default against the system's authorities.

    Parameters
    ----------
    ca_file, ca_data
        PEM file, or PEM text, of the authorities to trust instead.
    fingerprint
        SHA-256 of the one certificate to accept, in hex with or without colons; takes the authorities' place.
    insecure
        Accept any certificate.
    """

    ca_file: Path | None = None
    ca_data: str | None = None
    fingerprint: str | None = None
    insecure: bool = False

    def digest(self) -> bytes | None:
        """Return the fingerprint as bytes.

        Raises
        ------
        UsageError
            It is not a SHA-256 in hex.
        """
        if self.fingerprint is None:
            return None
        text = self.fingerprint.replace(":", "").strip().lower().removeprefix("sha256=")
        if not re.fullmatch(r"[0-9a-f]{64}", text):
            raise UsageError(
                "the fingerprint is not a SHA-256 in hex (64 digits): take it from "
                "`openssl x509 -noout -fingerprint -sha256 -in server.crt`"
            )
        return bytes.fromhex(text)


@dataclass(frozen=True, slots=True)
class Credentials:
    """User and password for HTTP basic authentication; its text shows neither."""

    username: str = field(repr=False)
    password: str = field(repr=False)

    def __str__(self) -> str:
        return "Credentials(***)"


def ssl_context(policy: TlsPolicy) -> ssl.SSLContext:
    """Return a client context of at least TLS 1.2 for a policy; a fingerprint is checked within the handshake.

    Raises
    ------
    UsageError
        The authorities' file cannot be read.
    """
    try:
        cafile = None if policy.ca_file is None else str(policy.ca_file)
        context = ssl.create_default_context(cafile=cafile, cadata=policy.ca_data)
    except (OSError, ssl.SSLError, ValueError) as error:
        raise UsageError(f"the CA certificates {policy.ca_file or 'given'} cannot be read: {error}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if policy.insecure or policy.fingerprint is not None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if (digest := policy.digest()) is not None:
        context.sslsocket_class, context.sslobject_class = _pinned(digest)
    return context


def _pinned(digest: bytes) -> tuple[type[ssl.SSLSocket], type[ssl.SSLObject]]:
    """Return connections that end the handshake with another certificate: before a password or a body is sent."""

    class PinnedSocket(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:
            super().do_handshake(block)
            _check_certificate(self.getpeercert(binary_form=True), digest)

    class PinnedObject(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            _check_certificate(self.getpeercert(binary_form=True), digest)

    return PinnedSocket, PinnedObject


def _check_certificate(der: bytes | None, expected: bytes) -> None:
    actual = hashlib.sha256(der or b"").digest()
    if der is None or not hmac.compare_digest(expected, actual):
        shown = "none" if der is None else actual.hex()
        raise ssl.SSLError(ssl.SSL_ERROR_SSL, f"the certificate's fingerprint is {shown}, not the one given")


def origin_of(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of an absolute URL.

    Raises
    ------
    UsageError
        It is not an http or https URL.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{without_userinfo(url)!r:.200} is not a URL: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{without_userinfo(url)!r:.200} is not an http or https URL: write https://host[:port]/path")
    return parts.scheme, parts.hostname.lower(), port or (443 if parts.scheme == "https" else 80)


def base_of(url: str) -> str:
    """Return scheme, host and port of an absolute URL as a URL; raises `UsageError`."""
    scheme, host, port = origin_of(url)
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def without_userinfo(url: str) -> str:
    """Return a URL without user and password, for messages."""
    return re.sub(r"//[^/@]*@", "//", url, count=1)


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """Bounds of a transport: seconds for one request in all and to connect, and attempts at transient faults."""

    timeout: float = 10.0
    connect_timeout: float = 5.0
    attempts: int = 3
    backoff: float = 0.2  # seconds before the second attempt, doubled and jittered
    longest_wait: float = 5.0  # a longer Retry-After is not waited for
