"""What failed requests mean: one mapping of network errors to `RemoteError`, for every transport."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from wao_predict.connection import UnverifiedCertificate, without_userinfo
from wao_predict.errors import ProtocolError, RemoteError, RemoteTimeout
from wao_predict.flow import Response


def remote_error(error: BaseException, url: str, *, timeout: float | None = None) -> RemoteError:
    """Return the error of a request that got no usable response.

    Parameters
    ----------
    error
        What the network layer raised. Its causes are searched for a rejected certificate.
    url
        Where the request went.
    timeout
        Limit of the request [s], for the message of a timeout.
    """
    endpoint = without_userinfo(url)
    certificate = next((cause for cause in _causes(error) if isinstance(cause, ssl.SSLCertVerificationError)), None)
    if certificate is not None:
        return RemoteError(f"{endpoint}: {certificate_reason(certificate)}", endpoint=endpoint)
    if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
        limit = "in time" if timeout is None else f"in {timeout:g} s"
        return RemoteTimeout(f"{endpoint}: no answer {limit}", endpoint=endpoint)
    handshake = next((cause for cause in _causes(error) if isinstance(cause, ssl.SSLError)), None)
    if handshake is not None and (error is handshake or type(error).__name__ == "ConnectError"):
        return RemoteError(f"{endpoint}: cannot connect: {handshake_reason(handshake)}", endpoint=endpoint)
    system_reason = error.strerror if isinstance(error, OSError) else None
    cannot_connect = "cannot connect: " if system_reason or type(error).__name__ == "ConnectError" else ""
    reason = " ".join((system_reason or str(error) or type(error).__name__).split())[:300]
    return RemoteError(f"{endpoint}: {cannot_connect}{reason}", endpoint=endpoint)


def certificate_reason(error: ssl.SSLCertVerificationError) -> str:
    """Return why a certificate was rejected, its fingerprint where known, and the three remedies."""
    reason = error.verify_message
    fingerprint = error.fingerprint if isinstance(error, UnverifiedCertificate) else ""
    seen = f"; its SHA-256 fingerprint is {fingerprint}" if fingerprint else ""
    if "expired" in reason or "not yet valid" in reason:  # no authority helps
        return (
            f"the certificate cannot be verified ({reason}{seen}): renew it on the server and check both clocks; until "
            "then, tls.fingerprint (on the command line --fingerprint) accepts this certificate"
        )
    return (
        f"the certificate cannot be verified ({reason}{seen}): set tls.caBundle to its authority, or tls.fingerprint, "
        "or tls.insecureSkipVerify (on the command line --ca-file, --fingerprint, --insecure; `wao read` has "
        "--trust-on-first-use)"
    )


def handshake_reason(error: ssl.SSLError) -> str:
    """Return why a TLS handshake failed, and what the server lacks."""
    reason = getattr(error, "reason", None)  # not of every error
    if reason == "WRONG_VERSION_NUMBER":
        return "the server does not speak TLS on this port: write http:// if it has no HTTPS, or its HTTPS port"
    said = (reason or error.strerror or str(error) or type(error).__name__).lower().replace("_", " ")
    return f"the TLS handshake failed ({said}); TLS 1.2 with AES is required: older firmware needs an update"


def body_too_large(url: str, max_bytes: int) -> ProtocolError:
    """Return the error of a response body that exceeds its limit."""
    endpoint = without_userinfo(url)
    return ProtocolError(f"{endpoint}: the answer is larger than {max_bytes} bytes", endpoint=endpoint)


def retry_after(response: Response, *, now: float | None = None) -> float | None:
    """Return the seconds of the Retry-After header (RFC 9110, 10.2.3: seconds or a date), or None without one.

    Examples
    --------
    >>> retry_after(Response(503, headers={"retry-after": "2"}))
    2.0
    >>> retry_after(Response(503, headers={"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}), now=50.0)
    10.0
    """
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        at = parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0.0, at - (time.time() if now is None else now))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it was raised from."""
    for _ in range(16):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__
