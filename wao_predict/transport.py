"""HTTP for flows, on httpx2: one origin, verified TLS, bounded bodies and times, no redirects, retries with back-off.

Credentials belong to the transport's own origin (scheme, host, port) and are never sent elsewhere. Exceptions of
httpx2 do not leave this module.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2

from wao_predict.connection import (
    Credentials,
    HttpOptions,
    TlsPolicy,
    origin_of,
    ssl_context,
    without_userinfo,
)
from wao_predict.errors import ProtocolError, RemoteError, RemoteTimeout, UsageError
from wao_predict.flow import Request, Response

TRANSIENT = frozenset({429, 500, 502, 503, 504})
"""Statuses that another attempt may cure. 501 and 4xx are permanent."""


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
                chunks, size = [], 0
                async for chunk in answer.aiter_bytes():
                    size += len(chunk)
                    if size > request.max_bytes:
                        raise _too_large(request)
                    chunks.append(chunk)
                return _response(answer, b"".join(chunks))
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, ssl.SSLError, OSError) as error:
            raise _translated(error, arguments["url"]) from None
