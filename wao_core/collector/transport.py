"""HTTP for thousands of BMCs: one connection and one request at a time for each of them.

Credentials go to the origin they were given for and nowhere else, redirects are not followed, bodies and times are
bounded. Some BMCs drop idle connections: such a request is repeated once on a fresh connection, and a BMC that does
it again and again is asked on a new connection each time, for an hour.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit
from weakref import WeakSet

from wao_core.collector.addresses import AddressRule
from wao_core.collector.connection import Answer, Broken, HttpConnection, TooLarge, connect
from wao_core.collector.resolver import Resolver
from wao_core.collector.sessions import RedfishLogin
from wao_predict.connection import Credentials, TlsPolicy, origin_of, ssl_context, without_userinfo
from wao_predict.errors import ProtocolError, RemoteError, RemoteTimeout, UsageError
from wao_predict.flow import Request, Response

RESETS_BEFORE_CLOSE = 3
CLOSE_FOR = 3600.0  # seconds without keep-alive; then it is tried again
LOGOUT_TIME = 5.0  # seconds for all BMCs together
CONNECT_TIME = 5.0  # seconds
SWEEP_EVERY = 30.0  # seconds
REMEMBERED_URLS = 64  # of one BMC; discovery asks for more, polling for one
_COMMON = "User-Agent: wao\r\nAccept: application/json\r\nAccept-Encoding: identity\r\n"
_PATH = "/%:=&?~+!$,;'@()*[]"  # what stays as it is in a path and its query
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Target:
    """Where one URL leads, and the part of the request's head that is always the same."""

    url: str
    own: bool
    path: str
    origin: tuple[str, str, int]
    head: str


class PollingSession:
    """What all pollers share. Use `transport` for each BMC; `close` ends all connections.

    Parameters
    ----------
    rule
        Which addresses may be connected to at all.
    keep_alive
        Seconds an idle connection is kept; longer than the longest interval between two polls.
    """

    def __init__(self, rule: AddressRule, *, keep_alive: float = 120.0) -> None:
        self._rule = rule
        self.keep_alive = keep_alive
        self.resolver = Resolver(rule)
        self._transports: WeakSet[PollingTransport] = WeakSet()
        self._contexts: dict[TlsPolicy, ssl.SSLContext] = {}  # dear: the CA bundle is parsed into each
        self._sweeping: asyncio.TimerHandle | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    def transport(
        self,
        base_url: str,
        *,
        tls: TlsPolicy,
        credentials: Credentials | None = None,
        timeout: float = 8.0,
        at_once: int = 1,
    ) -> PollingTransport:
        """Return the transport of one origin; `timeout` bounds one request, in seconds."""
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
        """Log out of a BMC that is polled no more, and end its connection, in the background."""
        self._transports.discard(transport)
        task = asyncio.create_task(_leave(transport))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        """Log out of all BMCs, for a few seconds at most, and close all connections."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        for transport in tuple(self._transports):
            self.retire(transport)
        await asyncio.gather(*self._leaving, return_exceptions=True)
        await asyncio.sleep(0)  # connections end in the loop's next round

    def _sweep(self) -> None:
        """Close connections that were idle for long."""
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
        self._timeout = timeout
        self._turn = asyncio.Semaphore(at_once)
        self._idle: list[HttpConnection] = []
        self._resets = 0
        self._close_until = 0.0
        self._targets: dict[str, _Target] = {}
        self._authorization = ""
        self._login = RedfishLogin(self._send)
        self._credentials: Credentials | None = None

    @property
    def credentials(self) -> Credentials | None:
        """What is sent to the BMC, and only there."""
        return self._credentials

    @credentials.setter
    def credentials(self, credentials: Credentials | None) -> None:
        if credentials is not self._credentials:
            self._credentials = credentials
            self._authorization = "" if credentials is None else _basic(credentials)

    @property
    def closes(self) -> bool:
        """Whether every request goes over a new connection, because the BMC drops idle ones."""
        return asyncio.get_running_loop().time() < self._close_until

    @property
    def logged_in(self) -> bool:
        """Whether a session is open on the BMC."""
        return bool(self._login.token)

    async def send(self, request: Request) -> Response:
        """Return the response; raises `RemoteError`."""
        async with self._turn:
            response = await self._send(request)
            credentials = self._may_log_in(request) if response.status == 401 else None
            if credentials is not None and await self._login.begin(credentials):
                response = await self._send(request)
                if response.status == 401:
                    await self._login.refuse(credentials)
            return response

    async def close(self) -> None:
        """Log out, and end the connections that nobody uses."""
        if self.logged_in:
            async with self._turn:
                await self._login.end()
        self.close_idle()

    def close_idle(self, *, before: float = float("inf")) -> None:
        """Close connections that are idle since before a time of the loop's clock."""
        for connection in [item for item in self._idle if item.idle_since < before]:
            self._idle.remove(connection)
            connection.close()

    async def _send(self, request: Request) -> Response:
        target = self._target(request.url)
        headers = dict(request.headers)
        if target.own and request.authenticate and self._credentials is not None:
            if self._login.token:
                headers["X-Auth-Token"] = self._login.token
            else:
                headers["Authorization"] = self._authorization
        if self.closes:
            headers["Connection"] = "close"
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._ask(target, request, _encoded(request, target, headers))
        except TooLarge as error:
            where = without_userinfo(target.url)
            raise ProtocolError(f"{where}: {error}", endpoint=where) from error
        except OSError as error:  # a timeout is one, too
            raise self._translated(error, target.url) from error
        return Response(answer.status, answer.body, answer.headers, target.url)

    async def _ask(self, target: _Target, request: Request, sent: bytes) -> Answer:
        """Send a request on a kept connection or a new one, and on a new one if the kept one turns out to be dead."""
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
        """Count the requests in a row for which a kept connection turned out to be dead."""
        self._resets += 1
        if self._resets >= RESETS_BEFORE_CLOSE:
            self._close_until = asyncio.get_running_loop().time() + CLOSE_FOR
            self._resets = RESETS_BEFORE_CLOSE - 1
            _log.info("%s drops idle connections: a new one for each request from now on", self._base)

    def _may_log_in(self, request: Request) -> Credentials | None:
        """Return the credentials for a session, None where one would make no sense or go astray."""
        target = self._target(request.url)
        redfish = target.own and request.authenticate and target.path.startswith("/redfish/")
        return self._credentials if redfish else None

    def _target(self, path: str) -> _Target:
        """Return where a path leads; a poller asks for the same one for ever."""
        known = self._targets.get(path)
        if known is None:
            url = urljoin(self._base, path)
            known = _target(url, own=origin_of(url) == self._origin)
            if len(self._targets) >= REMEMBERED_URLS:
                self._targets.clear()
            self._targets[path] = known
        return known

    def _translated(self, error: OSError, url: str) -> RemoteError:
        """Return the error in our own words."""
        endpoint = without_userinfo(url)
        if isinstance(error, TimeoutError):
            return RemoteTimeout(f"{endpoint}: no answer in {self._timeout:g} s", endpoint=endpoint)
        return RemoteError(f"{endpoint}: {_reason(error)}", endpoint=endpoint)


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


def _basic(credentials: Credentials) -> str:
    pair = f"{credentials.username}:{credentials.password}".encode()
    return f"Basic {b64encode(pair).decode()}"


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate cannot be verified ({error.verify_message}); give its CA (caBundle) or its fingerprint"
    if isinstance(error, ssl.SSLError) and "fingerprint" in str(error):
        return "its certificate is not the pinned one"
    if isinstance(error, Broken):
        return str(error)
    return f"cannot connect: {error.strerror or error}"
