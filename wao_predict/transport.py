"""HTTP for flows, on httpx2: one origin, verified TLS, limited sizes and times, no redirects, retries with back-off.

Credentials belong to the transport's own origin (scheme, host, port) and are never sent elsewhere. Paths under
/redfish/ go through `RedfishLogin`, so a BMC that requires a session gets one. Exceptions of httpx2 do not leave this
module.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2

from wao_predict.backoff import Backoff
from wao_predict.connection import (
    Credentials,
    HttpOptions,
    TlsPolicy,
    origin_of,
    ssl_context,
)
from wao_predict.errors import ProtocolError, RemoteError, UsageError
from wao_predict.flow import Flow, Request, Response, arun, run
from wao_predict.redfish.login import RedfishLogin, basic_authorization
from wao_predict.remote import body_too_large, remote_error, retry_after

TRANSIENT = frozenset({429, 500, 502, 503, 504})
"""Statuses that another attempt may cure. 501 and 4xx are permanent."""
_NETWORK_ERRORS = (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError)


@dataclass(frozen=True, slots=True)
class _Delayed(Request):
    """A request that is sent after a wait [s]."""

    delay: float = 0.0


class _Origin:
    """The part of both transports without I/O: where requests go, with which credentials, and when to try again."""

    def __init__(self, base_url: str, credentials: Credentials | None, tls: TlsPolicy, options: HttpOptions) -> None:
        self.origin = origin_of(base_url)
        if urlsplit(base_url).username is not None:
            raise UsageError("credentials in a URL would appear in logs: pass them separately")
        self.base_url = base_url
        self.credentials = credentials
        self.tls = tls
        tls.digest()  # report a wrong fingerprint now, not at the first request
        self.options = options
        self.login = RedfishLogin(self._attempts)

    def again(self, kind: Callable[..., object]) -> tuple[Any, tuple[str]]:
        """Return how pickle makes a new transport with new connections; credentials are part of the pickle."""
        return partial(kind, credentials=self.credentials, tls=self.tls, options=self.options), (self.base_url,)

    def client_arguments(self) -> dict[str, Any]:
        """Return the arguments of an httpx2 client."""
        return {
            "verify": ssl_context(self.tls) if self.origin[0] == "https" else True,
            "timeout": httpx2.Timeout(self.options.timeout, connect=self.options.connect_timeout),
            "trust_env": False,
            "follow_redirects": False,
            "headers": {"Accept": "application/json", "User-Agent": "wao-predict"},
        }

    def exchange(self, request: Request) -> Flow[Response]:
        """Send a request with the credentials that it may have, and return its response."""
        request = replace(request, url=self.url(request))
        credentials = self.credentials if request.authenticate and origin_of(request.url) == self.origin else None
        if credentials is None:
            return (yield from self._attempts(request))
        if urlsplit(request.url).path.startswith("/redfish/"):
            return (yield from self.login.exchange(request, credentials))
        headers = {**request.headers, "Authorization": basic_authorization(credentials)}
        return (yield from self._attempts(replace(request, headers=headers)))

    def url(self, request: Request) -> str:
        """Return the absolute URL of a request."""
        return urljoin(self.base_url, request.url) if request.url.startswith("/") else request.url

    def arguments(self, request: Request) -> dict[str, Any]:
        """Return the arguments of one httpx2 request."""
        headers = dict(request.headers)
        if request.body is not None:
            headers.setdefault("Content-Type", "application/json")
        return {"method": request.method, "url": self.url(request), "content": request.body, "headers": headers}

    def error(self, error: Exception, request: Request) -> RemoteError:
        """Return the error of a request that got no response."""
        return remote_error(error, self.url(request))

    def _attempts(self, request: Request) -> Flow[Response]:
        """Send a request, again after transient faults, and return its response."""
        backoff = Backoff(self.options.backoff, self.options.longest_wait)
        for _ in range(self.options.attempts - 1):
            pause = backoff.next()
            try:
                response = yield request
            except ProtocolError:
                raise
            except RemoteError:
                pass
            else:
                pause = max(pause, retry_after(response) or 0.0)
                if response.status not in TRANSIENT or pause > self.options.longest_wait:
                    return response
            request = _Delayed(
                request.method,
                request.url,
                request.headers,
                request.body,
                request.max_bytes,
                request.authenticate,
                delay=pause,
            )
        return (yield request)


def _response(answer: httpx2.Response, body: bytes) -> Response:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Response(answer.status_code, body, headers, str(answer.url))


class _Client:
    """Sends one request once."""

    def __init__(self, origin: _Origin, transport: httpx2.BaseTransport | None, sleep: Callable[[float], None]) -> None:
        self._origin, self._sleep = origin, sleep
        self._client = httpx2.Client(transport=transport, **origin.client_arguments())

    def send(self, request: Request) -> Response:
        if isinstance(request, _Delayed):
            self._sleep(request.delay)
        try:
            deadline = time.monotonic() + self._origin.options.timeout
            with self._client.stream(**self._origin.arguments(request)) as answer:
                chunks, size = [], 0
                for chunk in answer.iter_bytes():
                    if time.monotonic() > deadline:  # httpx2 limits each read, not the request
                        raise TimeoutError
                    size += len(chunk)
                    if size > request.max_bytes:
                        raise body_too_large(str(answer.url), request.max_bytes)
                    chunks.append(chunk)
                return _response(answer, b"".join(chunks))
        except _NETWORK_ERRORS as error:
            raise self._origin.error(error, request) from None

    def close(self) -> None:
        self._client.close()


class _AsyncClient:
    """The asynchronous counterpart of `_Client`."""

    def __init__(
        self,
        origin: _Origin,
        transport: httpx2.AsyncBaseTransport | None,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._origin, self._sleep = origin, sleep
        self._client = httpx2.AsyncClient(transport=transport, **origin.client_arguments())

    async def send(self, request: Request) -> Response:
        if isinstance(request, _Delayed):
            await self._sleep(request.delay)
        try:
            async with (
                asyncio.timeout(self._origin.options.timeout),  # httpx2 limits each read, not the request
                self._client.stream(**self._origin.arguments(request)) as answer,
            ):
                chunks, size = [], 0
                async for chunk in answer.aiter_bytes():
                    size += len(chunk)
                    if size > request.max_bytes:
                        raise body_too_large(str(answer.url), request.max_bytes)
                    chunks.append(chunk)
                return _response(answer, b"".join(chunks))
        except _NETWORK_ERRORS as error:
            raise self._origin.error(error, request) from None

    async def close(self) -> None:
        await self._client.aclose()


class HttpTransport:
    """Synchronous `flow.Transport` for one origin.

    Parameters
    ----------
    base_url
        Origin that paths are resolved against and that credentials belong to.
    transport
        An httpx2 transport that replaces the network, such as `httpx2.MockTransport`.
    sleep
        Waits between two attempts.

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
        self._origin = _Origin(base_url, credentials, tls or TlsPolicy(), options or HttpOptions())
        self._client = _Client(self._origin, transport, sleep)

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return self._origin.again(HttpTransport)

    def send(self, request: Request) -> Response:
        """Return the response, after further attempts if there are transient faults; raises `RemoteError`."""
        return run(self._origin.exchange(request), self._client)

    def close(self) -> None:
        """Log out and close all connections."""
        run(self._origin.login.end(), self._client)
        self._client.close()


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
        self._origin = _Origin(base_url, credentials, tls or TlsPolicy(), options or HttpOptions())
        self._client = _AsyncClient(self._origin, transport, sleep)
        self._bmc_turn = asyncio.Lock()  # two requests at a time with a wrong password are two failed logins

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return self._origin.again(AsyncHttpTransport)

    async def send(self, request: Request) -> Response:
        """Return the response, after further attempts if there are transient faults; raises `RemoteError`."""
        if urlsplit(request.url).path.startswith("/redfish/"):
            async with self._bmc_turn:
                return await arun(self._origin.exchange(request), self._client)
        return await arun(self._origin.exchange(request), self._client)

    async def close(self) -> None:
        """Log out and close all connections."""
        await arun(self._origin.login.end(), self._client)
        await self._client.close()
