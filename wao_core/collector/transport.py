"""HTTP for thousands of BMCs: one connection and one request at a time for each of them.

Credentials go to their own origin only, redirects are not followed, and sizes and times are limited. Some BMCs drop
idle connections: such a request is repeated once on a new connection. A BMC that does so repeatedly gets a new
connection for each request, for an hour.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit
from weakref import WeakSet

from wao_core.aio import BackgroundTasks
from wao_core.collector.addresses import AddressRule
from wao_core.collector.connection import Answer, Broken, HttpConnection, TooLarge, connect
from wao_core.collector.resolver import Resolver
from wao_predict.connection import Credentials, TlsPolicy, origin_of, ssl_context
from wao_predict.errors import UsageError
from wao_predict.flow import Request, Response, arun
from wao_predict.redfish.login import RedfishLogin, basic_authorization
from wao_predict.remote import body_too_large, remote_error

RESETS_BEFORE_CLOSE = 3
CLOSE_FOR = 3600.0  # seconds without keep-alive; then it is tried again
LOGOUT_TIME = 5.0  # seconds for all BMCs together
CONNECT_TIME = 5.0  # seconds
SWEEP_EVERY = 30.0  # seconds
REMEMBERED_URLS = 64  # of one BMC; discovery requests more, polling only one
_COMMON = "User-Agent: wao\r\nAccept: application/json\r\nAccept-Encoding: identity\r\n"
_PATH = "/%:=&?~+!$,;'@()*[]"  # characters of a path and its query that are not percent-encoded
_NO_HEADERS: Mapping[str, str] = {}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a URL leads, and the constant part of the request's head."""

    url: str
    own: bool
    path: str
    origin: tuple[str, str, int]
    head: str


class PollingSession:
    """The DNS resolver, TLS contexts and connections of all pollers. Use `transport` for each BMC, and `close`.

    Parameters
    ----------
    rule
        The addresses that connections may go to.
    keep_alive
        How long an idle connection is kept [s]; longer than the longest interval between two polls.
    """

    def __init__(self, rule: AddressRule, *, keep_alive: float = 120.0) -> None:
        self._rule = rule
        self.keep_alive = keep_alive
        self.resolver = Resolver(rule)
        self._transports: WeakSet[PollingTransport] = WeakSet()
        self._contexts: dict[TlsPolicy, ssl.SSLContext] = {}  # expensive: each parses the CA bundle
        self._sweeping: asyncio.TimerHandle | None = None
        self._leaving = BackgroundTasks()

    def transport(
        self,
        base_url: str,
        *,
        tls: TlsPolicy,
        credentials: Credentials | None = None,
        timeout: float = 8.0,
        at_once: int = 1,
    ) -> PollingTransport:
        """Return the transport of one origin; `timeout` limits one request [s]."""
        self._rule.check_host(urlsplit(base_url).hostname or "")
        made = PollingTransport(self, base_url, tls=tls, timeout=timeout, at_once=at_once)
        made.credentials = credentials
        self._transports.add(made)
        if self._sweeping is None:
            self._sweep()
        return made

    def context(self, policy: TlsPolicy) -> ssl.SSLContext:
        """Return the TLS context of a policy; raises `UsageError`."""
        known = self._contexts.get(policy)
        if known is None:
            known = self._contexts[policy] = ssl_context(policy)
        return known

    def retire(self, transport: PollingTransport) -> None:
        """Log out of a BMC that is no longer polled, and end its connection, in the background."""
        self._transports.discard(transport)
        self._leaving.spawn("log out of a BMC", _leave(transport))

    async def close(self) -> None:
        """Log out of all BMCs, for a few seconds at most, and close all connections."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        for transport in tuple(self._transports):
            self.retire(transport)
        await self._leaving.wait()
        await asyncio.sleep(0)  # connections end in the loop's next round

    def _sweep(self) -> None:
        """Close connections that have been idle for a long time."""
        loop = asyncio.get_running_loop()
        for transport in tuple(self._transports):
            transport.close_idle(before=loop.time() - self.keep_alive)
        self._sweeping = loop.call_later(SWEEP_EVERY, self._sweep)


async def _leave(transport: PollingTransport) -> None:
    try:
        async with asyncio.timeout(LOGOUT_TIME):
            await transport.close()
    except TimeoutError:
        _log.warning("a BMC did not answer the logout; its session ends by itself")
    transport.close_idle()


class PollingTransport:
    """`wao_predict.flow.AsyncTransport` for one origin; `at_once` requests at a time."""

    def __init__(self, session: PollingSession, base_url: str, *, tls: TlsPolicy, timeout: float, at_once: int) -> None:
        self._session, self._base = session, base_url
        self._origin = origin_of(base_url)
        self._tls = session.context(tls)
        self.timeout = timeout  # of one request [s]
        self._turn = asyncio.Semaphore(at_once)
        self._idle: list[HttpConnection] = []
        self._resets = 0
        self._close_until = 0.0
        self._targets: dict[str, _Target] = {}
        self._login = RedfishLogin()
        self._client = _Client(self._send)
        self.credentials: Credentials | None = None  # sent to this origin only

    @property
    def closes(self) -> bool:
        """Whether each request uses a new connection, because the BMC drops idle ones."""
        return asyncio.get_running_loop().time() < self._close_until

    @property
    def logged_in(self) -> bool:
        """Whether a session is open on the BMC."""
        return self._login.logged_in

    async def send(self, request: Request) -> Response:
        """Return the response; raises `RemoteError`."""
        async with self._turn:
            target, credentials = self._target(request.url), self.credentials
            if credentials is None or not target.own or not request.authenticate:
                return await self._send(request)
            if target.path.startswith("/redfish/"):
                return await arun(self._login.exchange(request, credentials), self._client)
            return await self._send(request, {"Authorization": basic_authorization(credentials)})

    async def close(self) -> None:
        """Log out and close idle connections."""
        if self.logged_in:
            async with self._turn:
                await arun(self._login.end(), self._client)
        self.close_idle()

    def close_idle(self, *, before: float = float("inf")) -> None:
        """Close connections that became idle before a time of the loop's clock."""
        for connection in [item for item in self._idle if item.idle_since < before]:
            self._idle.remove(connection)
            connection.close()

    async def _send(self, request: Request, more_headers: Mapping[str, str] = _NO_HEADERS) -> Response:
        """Send a request as it is; raises `RemoteError`."""
        target = self._target(request.url)
        headers = {**request.headers, **more_headers} if more_headers else dict(request.headers)
        if self.closes:
            headers["Connection"] = "close"
        try:
            async with asyncio.timeout(self.timeout):
                answer = await self._ask(target, request, _encoded(request, target, headers))
        except TooLarge as error:
            raise body_too_large(target.url, request.max_bytes) from error
        except OSError as error:  # TimeoutError and ssl.SSLError are OSErrors
            raise remote_error(error, target.url, timeout=self.timeout) from error
        return Response(answer.status, answer.body, answer.headers, target.url)

    async def _ask(self, target: _Target, request: Request, sent: bytes) -> Answer:
        """Send a request on an idle connection, and on a new one if there is none or the BMC has closed it."""
        kept = self._kept() if target.own else None
        if kept is not None:
            try:
                answer = await kept.exchange(sent, request.max_bytes)
            except Broken:
                self._note_reset()
                if kept.begun or request.method not in ("GET", "DELETE"):
                    raise
            else:
                self._resets = 0
                return self._returned(kept, answer, target)
        connection = await self._connect(target)
        return self._returned(connection, await connection.exchange(sent, request.max_bytes), target)

    def _kept(self) -> HttpConnection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
            connection.close()
        return None

    def _returned(self, connection: HttpConnection, answer: Answer, target: _Target) -> Answer:
        if target.own and connection.usable and not self.closes:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    async def _connect(self, target: _Target) -> HttpConnection:
        """Connect to the first address that answers; raises `OSError`."""
        scheme, host, port = target.origin
        context = self._tls if scheme == "https" else None
        failed: OSError | None = None
        for address in await self._session.resolver.resolve(host):
            try:
                async with asyncio.timeout(CONNECT_TIME):
                    return await connect(address, port, tls=context, name=host)
            except OSError as error:
                failed = error
        assert failed is not None
        raise failed

    def _note_reset(self) -> None:
        """Count the consecutive requests that found their idle connection closed."""
        self._resets += 1
        if self._resets >= RESETS_BEFORE_CLOSE:
            self._close_until = asyncio.get_running_loop().time() + CLOSE_FOR
            self._resets = RESETS_BEFORE_CLOSE - 1
            _log.info("%s drops idle connections: a new one for each request from now on", self._base)

    def _target(self, path: str) -> _Target:
        """Return where a path leads, from a cache: a poller requests the same path each time."""
        known = self._targets.get(path)
        if known is None:
            url = urljoin(self._base, path)
            known = _target(url, own=origin_of(url) == self._origin)
            if len(self._targets) >= REMEMBERED_URLS:
                self._targets.clear()
            self._targets[path] = known
        return known


class _Client:
    """What drives a login flow: sends one request as it is."""

    def __init__(self, send: Callable[[Request], Awaitable[Response]]) -> None:
        self._send = send

    async def send(self, request: Request) -> Response:
        return await self._send(request)

    async def close(self) -> None:
        return None


def _target(url: str, *, own: bool) -> _Target:
    parts = urlsplit(url)
    scheme, host, port = origin_of(url)
    path = quote(parts.path or "/", safe=_PATH) + (f"?{quote(parts.query, safe=_PATH)}" if parts.query else "")
    name = f"[{host}]" if ":" in host else host
    shown = name if port == (443 if scheme == "https" else 80) else f"{name}:{port}"
    return _Target(url, own, path, (scheme, host, port), f"{path} HTTP/1.1\r\nHost: {shown}\r\n{_COMMON}")


def _encoded(request: Request, target: _Target, headers: Mapping[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers):
        raise UsageError("a header of the request has a line break in it")
    length = "" if request.body is None else f"Content-Length: {len(request.body)}\r\n"
    return f"{request.method} {target.head}{length}{lines}\r\n".encode("latin-1", "replace") + (request.body or b"")
