"""Describe how a server is reached and verified: origin, TLS policy, credentials, limits. No I/O."""

from __future__ import annotations

import hashlib
import hmac
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from wao_predict.errors import UsageError

MAX_URL = 8192
"""Characters of a URL."""
_CIPHERS = "@SECLEVEL=2:ECDH+AESGCM:ECDH+CHACHA20:ECDH+AES:DHE+AES:RSA+AESGCM:RSA+AES:!aNULL:!eNULL:!aDSS:!AESCCM"
"""Python's own list, followed by what some BMCs have only: SHA-1 as MAC, and RSA key exchange (H3C HDM)."""
_DER = 2  # the encoding of `_ssl.Certificate.public_bytes`


@dataclass(frozen=True, slots=True)
class TlsPolicy:
    """How a server's certificate is verified; by default against the authorities of the operating system.

    Parameters
    ----------
    ca_file, ca_data
        PEM file, or PEM text, of the authorities to trust instead.
    fingerprint
        SHA-256 of the only certificate to accept, in hex with or without colons; no authority is consulted then.
    insecure
        Accept any certificate. False verifies it also where a default says otherwise; None leaves that to the default.
    """

    ca_file: Path | None = None
    ca_data: str | None = None
    fingerprint: str | None = None
    insecure: bool | None = None

    def or_else(self, default: TlsPolicy) -> TlsPolicy:
        """Return this policy, or the default where this one states nothing.

        Examples
        --------
        >>> TlsPolicy().or_else(TlsPolicy(insecure=True))
        TlsPolicy(ca_file=None, ca_data=None, fingerprint=None, insecure=True)
        """
        return default if self == TlsPolicy() else self

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
    """User name and password; `repr` and `str` show neither."""

    username: str = field(repr=False)
    password: str = field(repr=False)

    def __str__(self) -> str:
        return "Credentials(***)"


def ssl_context(policy: TlsPolicy) -> ssl.SSLContext:
    """Return a client context for a policy, TLS 1.2 or later. A fingerprint is checked during the handshake.

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
    context.set_ciphers(_CIPHERS)
    if policy.insecure or policy.fingerprint is not None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.sslsocket_class, context.sslobject_class = _checking(policy.digest())
    return context


class UnverifiedCertificate(ssl.SSLCertVerificationError):
    """The certificate was not accepted; `verify_message` says why; `fingerprint` is its SHA-256 in hex, or ""."""

    def __init__(self, reason: str, fingerprint: str) -> None:
        super().__init__(ssl.SSL_ERROR_SSL, f"CERTIFICATE_VERIFY_FAILED: {reason}")
        self.verify_message, self.fingerprint = reason, fingerprint


def _checking(digest: bytes | None) -> tuple[type[ssl.SSLSocket], type[ssl.SSLObject]]:
    """Return connections that end the handshake unless the certificate is accepted: before a password is sent."""

    class CheckingSocket(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:
            with _naming_the_certificate(self):
                super().do_handshake(block)
            _check_fingerprint(self.getpeercert(binary_form=True), digest)

    class CheckingObject(ssl.SSLObject):
        def do_handshake(self) -> None:
            with _naming_the_certificate(self):
                super().do_handshake()
            _check_fingerprint(self.getpeercert(binary_form=True), digest)

    return CheckingSocket, CheckingObject


@contextmanager
def _naming_the_certificate(connection: ssl.SSLSocket | ssl.SSLObject) -> Iterator[None]:
    """Add the presented certificate's fingerprint to the error of a failed verification."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise UnverifiedCertificate(error.verify_message, _presented(connection)) from error


def _presented(connection: ssl.SSLSocket | ssl.SSLObject) -> str:
    """Return the fingerprint of the certificate that the server presented, or "" if it is not known.

    After a failed handshake Python has it in a private object only.
    """
    chain: list[Any] = getattr(getattr(connection, "_sslobj", None), "get_unverified_chain", list)() or []
    return hashlib.sha256(chain[0].public_bytes(_DER)).hexdigest() if chain else ""


def _check_fingerprint(der: bytes | None, expected: bytes | None) -> None:
    if expected is None:
        return
    actual = hashlib.sha256(der or b"")
    if der is None or not hmac.compare_digest(expected, actual.digest()):
        raise UnverifiedCertificate("it does not have the given fingerprint", actual.hexdigest() if der else "")


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
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and len(url) <= MAX_URL
    except ValueError:  # its text quotes the host and the port, which may be a password
        usable = False
    if not usable:
        shown = _without_password(url[:MAX_URL])
        raise UsageError(f"{shown!r:.200} is not an http or https URL: write https://host[:port]/path")
    assert parts.hostname
    return parts.scheme, parts.hostname.lower(), port or (443 if parts.scheme == "https" else 80)


def _without_password(url: str) -> str:
    """Return a malformed URL without what may be a password: everything between the first "//" and the last "@"."""
    head, slashes, rest = url.partition("//")
    return f"{head}{slashes}{rest.rpartition('@')[2]}"  # "/" in a password makes it look like a path


def base_of(url: str) -> str:
    """Return scheme, host and port of an absolute URL as a URL; raises `UsageError`."""
    scheme, host, port = origin_of(url)
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def without_userinfo(url: str) -> str:
    """Return a URL without user and password, for messages."""
    return re.sub(r"//[^/?#]*@", "//", url, count=1)


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """Limits of a transport.

    Parameters
    ----------
    timeout, connect_timeout
        Limit of one request, and of connecting [s].
    attempts
        How often a request is sent when transient faults occur.
    backoff
        Upper bound of the wait before the second attempt [s]; doubled for each further one.
    longest_wait
        Longest wait [s]; the response is returned at once when the server's Retry-After is longer.
    """

    timeout: float = 10.0
    connect_timeout: float = 5.0
    attempts: int = 3
    backoff: float = 0.3
    longest_wait: float = 5.0
