"""HTTP for flows, on httpx2: one origin, verified TLS, bounded bodies and times, no redirects, retries with back-off.

Credentials belong to the transport's own origin (scheme, host, port) and are never sent elsewhere. Exceptions of
httpx2 do not leave this module.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import random
import re
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2

from wao_predict._errors import ProtocolError, RemoteError, RemoteTimeout, UsageError
from wao_predict.flow import Request, Response

TRANSIENT = frozenset({429, 500, 502, 503, 504})
"""Statuses that another attempt may cure. 501 and 4xx are permanent."""


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
    """Return a client context of at least TLS 1.2 for a policy; a fingerprint is checked after the handshake.

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
    return context


def check_certificate(policy: TlsPolicy, der: bytes | None, endpoint: str) -> None:
    """Refuse a peer whose certificate is not the pinned one.

    Raises
    ------
    RemoteError
        It has another certificate, or none.
    """
    expected = policy.digest()
    if expected is None:
        return
    actual = hashlib.sha256(der or b"").digest()
    if der is None or not hmac.compare_digest(expected, actual):
        shown = "none" if der is None else actual.hex()
        raise RemoteError(f"the certificate's fingerprint is {shown}, not the one given", endpoint=endpoint)


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


class _Policy:
    """What both transports share: resolving, credentials, limits, and when to try again."""

    def __init__(self, base_url: str, credentials: Credentials | None, tls: TlsPolicy, options: HttpOptions) -> None:
        self.origin = origin_of(base_url)
        if urlsplit(base_url).username is not None:
            raise UsageError("credentials in a URL end up in logs: give them apart from it")
        self.base_url = base_url
        self.credentials = credentials
        self.tls = tls
        tls.digest()  # a wrong fingerprint is told at once, not at the first request
        self.options = options

    def client_arguments(self) -> dict[str, Any]:
        """Return the arguments of an httpx2 client."""
        return {
            "verify": ssl_context(self.tls) if self.origin[0] == "https" else True,
            "timeout": httpx2.Timeout(self.options.timeout, connect=self.options.connect_timeout),
            "trust_env": False,
            "follow_redirects": False,
            "headers": {"Accept": "application/json", "User-Agent": "wao-predict"},
        }

    def arguments(self, request: Request) -> dict[str, Any]:
        """Return the arguments of one httpx2 request; credentials go to the own origin only."""
        url = urljoin(self.base_url, request.url) if request.url.startswith("/") else request.url
        own = origin_of(url) == self.origin
        auth = None
        if own and request.authenticate and self.credentials is not None:
            auth = httpx2.BasicAuth(self.credentials.username, self.credentials.password)
        headers = dict(request.headers)
        if request.body is not None:
            headers.setdefault("Content-Type", "application/json")
        return {"method": request.method, "url": url, "content": request.body, "headers": headers, "auth": auth}

    def wait(self, attempt: int, answer: Response | RemoteError) -> float | None:
        """Return the seconds to wait before another attempt, or None when this answer stands."""
        if attempt >= self.options.attempts:
            return None
        pause = self.options.backoff * 2 ** (attempt - 1) * (0.5 + random.random())
        if isinstance(answer, RemoteError):
            return None if isinstance(answer, ProtocolError) else pause
        if answer.status not in TRANSIENT:
            return None
        asked = answer.headers.get("retry-after", "")
        pause = max(pause, float(asked)) if asked.isdigit() else pause
        return pause if pause <= self.options.longest_wait else None


def _translated(error: Exception, url: str) -> RemoteError:
    endpoint = without_userinfo(url)
    if isinstance(error, httpx2.TimeoutException):
        return RemoteTimeout(f"{endpoint}: no answer in time ({type(error).__name__})", endpoint=endpoint)
    reason = str(error) or type(error).__name__
    hint = ""
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        hint = "; give the authority by a CA file, or the certificate's fingerprint"
    return RemoteError(f"{endpoint}: {reason}{hint}", endpoint=endpoint)


def _response(answer: httpx2.Response, body: bytes) -> Response:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Response(answer.status_code, body, headers, str(answer.url))


def _peer_certificate(answer: httpx2.Response) -> bytes | None:
    stream = answer.extensions.get("network_stream")
    tls = stream.get_extra_info("ssl_object") if stream is not None else None
    certificate: bytes | None = tls.getpeercert(binary_form=True) if tls is not None else None
    return certificate


def _too_large(request: Request) -> ProtocolError:
    endpoint = without_userinfo(request.url)
    return ProtocolError(f"{endpoint}: the answer is larger than {request.max_bytes} bytes", endpoint=endpoint)


class HttpTransport:
    """Synchronous `flow.Transport` for one origin.

    Parameters
    ----------
    base_url
        Origin that paths are resolved against and that credentials belong to.
    transport
        An httpx2 transport in place of the network, such as `httpx2.MockTransport`.

    Raises
    ------
    UsageError
        The URL, the fingerprint or the CA file cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        *,
        credentials: Credentials | None = None,
        tls: TlsPolicy | None = None,
        options: HttpOptions | None = None,
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._policy = _Policy(base_url, credentials, tls or TlsPolicy(), options or HttpOptions())
        self._client = httpx2.Client(transport=transport, **self._policy.client_arguments())
        self._sleep = sleep

    def send(self, request: Request) -> Response:
        """Return the response; transient faults are tried again with back-off."""
        attempt = 1
        while True:
            answer: Response | RemoteError
            try:
                answer = self._once(request)
            except RemoteError as error:
                answer = error
            pause = self._policy.wait(attempt, answer)
            if pause is None:
                if isinstance(answer, RemoteError):
                    raise answer
                return answer
            self._sleep(pause)
            attempt += 1

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _once(self, request: Request) -> Response:
        arguments = self._policy.arguments(request)
        try:
            with self._client.stream(**arguments) as answer:
                check_certificate(self._policy.tls, _peer_certificate(answer), without_userinfo(arguments["url"]))
                chunks, size = [], 0
                for chunk in answer.iter_bytes():
                    size += len(chunk)
                    if size > request.max_bytes:
                        raise _too_large(request)
                    chunks.append(chunk)
                return _response(answer, b"".join(chunks))
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, ssl.SSLError, OSError) as error:
            raise _translated(error, arguments["url"]) from None


class AsyncHttpTransport:
    """Asynchronous `flow.AsyncTransport` for one origin; see `HttpTransport`."""

    def __init__(
        self,
        base_url: str,
        *,
        credentials: Credentials | None = None,
        tls: TlsPolicy | None = None,
        options: HttpOptions | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._policy = _Policy(base_url, credentials, tls or TlsPolicy(), options or HttpOptions())
        self._client = httpx2.AsyncClient(transport=transport, **self._policy.client_arguments())
        self._sleep = sleep

    async def send(self, request: Request) -> Response:
        """Return the response; transient faults are tried again with back-off."""
        attempt = 1
        while True:
            answer: Response | RemoteError
            try:
                answer = await self._once(request)
            except RemoteError as error:
                answer = error
            pause = self._policy.wait(attempt, answer)
            if pause is None:
                if isinstance(answer, RemoteError):
                    raise answer
                return answer
            await self._sleep(pause)
            attempt += 1

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def _once(self, request: Request) -> Response:
        arguments = self._policy.arguments(request)
        try:
            async with self._client.stream(**arguments) as answer:
                check_certificate(self._policy.tls, _peer_certificate(answer), without_userinfo(arguments["url"]))
                chunks, size = [], 0
                async for chunk in answer.aiter_bytes():
                    size += len(chunk)
                    if size > request.max_bytes:
                        raise _too_large(request)
                    chunks.append(chunk)
                return _response(answer, b"".join(chunks))
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, ssl.SSLError, OSError) as error:
            raise _translated(error, arguments["url"]) from None
