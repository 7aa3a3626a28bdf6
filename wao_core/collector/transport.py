"""HTTP for thousands of BMCs: one aiohttp session, one connection and one request at a time for each BMC.

Credentials go to the origin they were given for and nowhere else, redirects are not followed, bodies and times are
bounded. Some BMCs drop idle connections: such a request is repeated once on a fresh connection, and a BMC that does
it again and again is asked on a new connection each time.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from base64 import b64encode
from types import SimpleNamespace
from typing import Any
from urllib.parse import urljoin, urlsplit
from weakref import WeakSet

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from wao_core.collector.addresses import AddressRule
from wao_core.collector.sessions import RedfishLogin
from wao_predict._errors import ProtocolError, RemoteError, RemoteTimeout
from wao_predict.connection import Credentials, TlsPolicy, origin_of, ssl_context, without_userinfo
from wao_predict.flow import Request, Response

RESETS_BEFORE_CLOSE = 3
LOGOUT_TIME = 5.0  # seconds for all BMCs together
REMEMBERED_URLS = 64  # of one BMC; discovery asks for more, polling for one
_log = logging.getLogger(__name__)


class PollingSession:
    """The one session of all pollers. Use `transport` for each BMC; `close` ends all connections.

    Parameters
    ----------
    rule
        Which addresses may be connected to at all.
    connections
        Most connections at a time.
    keep_alive
        Seconds an idle connection is kept; longer than the longest interval between two polls.
    """

    def __init__(self, rule: AddressRule, *, connections: int = 10_000, keep_alive: float = 120.0) -> None:
        self._rule = rule
        tracing = aiohttp.TraceConfig()
        tracing.on_connection_reuseconn.append(_reused)
        tracing.on_connection_create_start.append(_created)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=connections,
                keepalive_timeout=keep_alive,
                ttl_dns_cache=60,
                resolver=_CheckedResolver(rule),
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            trace_configs=[tracing],
            headers={"User-Agent": "wao", "Accept": "application/json", "Accept-Encoding": "identity"},
        )
        self._transports: WeakSet[PollingTransport] = WeakSet()
        # contexts are dear (the CA bundle is parsed into each) and aiohttp keeps connections apart by context
        self._contexts: dict[TlsPolicy, ssl.SSLContext | aiohttp.Fingerprint] = {}

    def transport(
        self,
        base_url: str,
        *,
        tls: TlsPolicy,
        credentials: Credentials | None = None,
        timeout: float = 8.0,
    ) -> PollingTransport:
        """Return the transport of one BMC; `timeout` bounds one request, in seconds."""
        self._rule.check_host(urlsplit(base_url).hostname or "")
        made = PollingTransport(self, base_url, tls=tls, credentials=credentials, timeout=timeout)
        self._transports.add(made)
        return made

    def context(self, policy: TlsPolicy) -> ssl.SSLContext | aiohttp.Fingerprint:
        """Return what aiohttp needs to hold to a TLS policy."""
        known = self._contexts.get(policy)
        if known is None:
            digest = policy.digest()
            known = ssl_context(policy) if digest is None else aiohttp.Fingerprint(digest)
            self._contexts[policy] = known
        return known

    def request(self, method: str, url: URL, **options: Any) -> Any:
        """Start a request of the session; no redirects."""
        return self._session.request(method, url, allow_redirects=False, **options)

    async def close(self) -> None:
        """Log out of all BMCs, for a few seconds at most, and close all connections."""
        open_sessions = [made.close() for made in self._transports if made.logged_in]
        try:
            async with asyncio.timeout(LOGOUT_TIME):
                await asyncio.gather(*open_sessions)
        except TimeoutError:
            _log.warning("some BMCs did not answer the logout; their sessions end by themselves")
        await self._session.close()


class PollingTransport:
    """`wao_predict.flow.AsyncTransport` for one BMC; one request at a time."""

    def __init__(
        self,
        session: PollingSession,
        base_url: str,
        *,
        tls: TlsPolicy,
        credentials: Credentials | None,
        timeout: float,
    ) -> None:
        self._session, self._base = session, base_url
        self._origin = origin_of(base_url)
        self._tls = session.context(tls)
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=min(timeout, 5.0))
        self._turn = asyncio.Lock()
        self._trace = SimpleNamespace(reused=False)
        self._resets = 0
        self._resolved: dict[str, tuple[URL, bool]] = {}
        self._authorization = ""
        self._login = RedfishLogin(self._send)
        self._credentials: Credentials | None = None
        self.credentials = credentials

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
        return self._resets >= RESETS_BEFORE_CLOSE

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
        """Log out; connections belong to the session."""
        await self._login.end()

    @property
    def logged_in(self) -> bool:
        """Whether a session is open on the BMC."""
        return bool(self._login.token)

    async def _send(self, request: Request) -> Response:
        url, own = self._resolve(request.url)
        headers = dict(request.headers)
        if own and request.authenticate and self._credentials is not None:
            if self._login.token:
                headers["X-Auth-Token"] = self._login.token
            else:
                headers["Authorization"] = self._authorization
        if self.closes:
            headers["Connection"] = "close"
        return await self._exchange(request, url, headers)

    def _may_log_in(self, request: Request) -> Credentials | None:
        """Return the credentials for a session, None where one would make no sense or go astray."""
        url, own = self._resolve(request.url)
        redfish = own and request.authenticate and url.path.startswith("/redfish/")
        return self._credentials if redfish else None

    def _resolve(self, path: str) -> tuple[URL, bool]:
        """Return the URL of a path and whether it is on the own origin; a poller asks for the same one for ever."""
        known = self._resolved.get(path)
        if known is None:
            url = urljoin(self._base, path)
            known = (URL(url), origin_of(url) == self._origin)
            if len(self._resolved) >= REMEMBERED_URLS:
                self._resolved.clear()
            self._resolved[path] = known
        return known

    async def _exchange(self, request: Request, address: URL, headers: dict[str, str]) -> Response:
        self._trace.reused = False
        url = str(address)
        try:
            async with self._session.request(
                request.method,
                address,
                headers=headers,
                data=request.body,
                ssl=self._tls,
                timeout=self._timeout,
                trace_request_ctx=self._note,
            ) as response:
                body = await _read(response, request.max_bytes, url)
                if self.closes:
                    response.close()
                return Response(
                    response.status, body, {key.lower(): value for key, value in response.headers.items()}, url
                )
        except (aiohttp.ClientError, OSError, ValueError) as error:  # a timeout is an OSError
            raise self._translated(error, url) from error

    def _translated(self, error: Exception, url: str) -> RemoteError:
        """Return the error in our own words; aiohttp's do not leave this module."""
        endpoint = without_userinfo(url)
        if isinstance(error, TimeoutError):
            return RemoteTimeout(f"{endpoint}: no answer in {self._timeout.total:g} s", endpoint=endpoint)
        return RemoteError(f"{endpoint}: {_reason(error)}", endpoint=endpoint)

    def _note(self, event: str) -> None:
        """Count the requests for which a kept connection was tried and turned out to be dead."""
        if event == "reused":
            self._trace.reused = True
        elif self._trace.reused:
            self._resets += 1
            if self._resets == RESETS_BEFORE_CLOSE:
                _log.info("%s drops idle connections: a new one for each request from now on", self._origin)


class _CheckedResolver(AbstractResolver):
    """Resolves names and leaves out addresses that must not be connected to, so a name cannot lead there either."""

    def __init__(self, rule: AddressRule) -> None:
        self._rule = rule
        self._inner: AbstractResolver | None = None

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        if self._inner is None:
            self._inner = aiohttp.ThreadedResolver()
        found = await self._inner.resolve(host, port, family)
        allowed = [result for result in found if self._rule.allows(result["host"])]
        if not allowed:
            raise OSError(f"{host} has no address that may be connected to")
        return allowed

    async def close(self) -> None:
        if self._inner is not None:
            await self._inner.close()


async def _read(response: aiohttp.ClientResponse, limit: int, url: str) -> bytes:
    if (response.content_length or 0) > limit:
        response.close()
        raise ProtocolError(
            f"{without_userinfo(url)}: the body is larger than {limit} bytes", endpoint=without_userinfo(url)
        )
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            response.close()
            raise ProtocolError(
                f"{without_userinfo(url)}: the body is larger than {limit} bytes", endpoint=without_userinfo(url)
            )
    return bytes(body)


async def _reused(_session: object, context: Any, _parameters: object) -> None:
    context.trace_request_ctx("reused")


async def _created(_session: object, context: Any, _parameters: object) -> None:
    context.trace_request_ctx("created")


def _basic(credentials: Credentials) -> str:
    pair = f"{credentials.username}:{credentials.password}".encode()
    return f"Basic {b64encode(pair).decode()}"


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ServerFingerprintMismatch):
        return "its certificate is not the pinned one"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return (
            f"its certificate cannot be verified ({error.certificate_error}); give its CA (caBundle) or its fingerprint"
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect: {error.os_error.strerror or error.os_error}"
    return str(error) or type(error).__name__
