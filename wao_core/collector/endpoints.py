"""Connections to the endpoints of NodeConfigs: the only owner of address rule, TLS and credentials.

Sensors and models use the same connections: all endpoints at one server with the same credentials share one transport,
and so its limit of requests at a time and its login.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

from wao_core.collector.addresses import AddressRule
from wao_core.collector.secrets import ReadSecret, SecretBook
from wao_core.collector.transport import PollingSession, PollingTransport
from wao_predict.connection import Credentials, TlsPolicy, origin_of, without_userinfo
from wao_predict.endpoint import Endpoint
from wao_predict.errors import RemoteError, UsageError
from wao_predict.flow import AsyncTransport, Request, Response
from wao_predict.model_files import ModelFiles

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointAccess:
    """What the endpoints of NodeConfigs may reach: addresses, and model files. The default is for standalone mode.

    `tls` is how certificates are verified where a NodeConfig does not say it.
    """

    rule: AddressRule = AddressRule(loopback=True)  # noqa: RUF009
    model_files: ModelFiles = ModelFiles(anywhere=True)  # noqa: RUF009
    tls: TlsPolicy = TlsPolicy()  # noqa: RUF009


class _Key(NamedTuple):
    """What makes two endpoints share a transport."""

    base_url: str
    secret: str
    tls: TlsPolicy
    concurrency: int


@dataclass(slots=True)
class _Shared:
    transport: PollingTransport
    users: int = 0


class Endpoints:
    """Opens connections to endpoints; `connecting` makes one for a server.

    Parameters
    ----------
    read_secret
        Returns a Secret by namespace and name: the `secret` of a source.
    """

    def __init__(
        self,
        read_secret: ReadSecret,
        access: EndpointAccess | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.access = access or EndpointAccess()
        if self.access.tls.insecure:
            _log.warning("certificates of sensors and models are NOT verified: --endpoint-insecure-skip-verify is set")
        self._session = PollingSession(self.access.rule)
        self._secrets = SecretBook(read_secret, clock=clock)
        self._shared: dict[_Key, _Shared] = {}

    def connect(self, endpoint: Endpoint, base_url: str, *, concurrency: int, timeout: float) -> EndpointTransport:
        """Return a transport to an endpoint; close it when it is no longer needed.

        Parameters
        ----------
        base_url
            Origin of the requests; empty for an endpoint that needs no network.
        concurrency
            Requests at a time.
        timeout
            Limit for one request [s]; the longest one counts for endpoints that share a connection.

        Raises
        ------
        WaoError
            The URL, the address or the TLS policy cannot be used.
        """
        if not base_url:
            return EndpointTransport()
        origin_of(base_url)
        if without_userinfo(base_url) != base_url:
            raise UsageError("credentials in a URL would appear in logs: put them into a Secret")
        key = _Key(base_url, endpoint.secret, endpoint.tls.or_else(self.access.tls), concurrency)
        shared = self._shared.get(key)
        if shared is None:
            made = self._session.transport(base_url, tls=key.tls, timeout=timeout, at_once=concurrency)
            if endpoint.tls.insecure:
                _log.warning("the certificate of %s is not verified: insecureSkipVerify is set", base_url)
            if key.secret and base_url.startswith("http://"):
                _log.warning(
                    "Secret %s is sent to %s over plain HTTP: anyone on the network can read it", key.secret, base_url
                )
            shared = self._shared[key] = _Shared(made)
        shared.users += 1
        shared.transport.timeout = max(shared.transport.timeout, timeout)  # the longest timeout of all users
        return EndpointTransport(_Connection(shared.transport, self._secrets, key), lambda: self._release(key))

    async def close(self) -> None:
        """Log out everywhere and close all connections."""
        await self._session.close()

    def _release(self, key: _Key) -> None:
        shared = self._shared[key]
        shared.users -= 1
        if not shared.users:
            del self._shared[key]
            self._session.retire(shared.transport)


class _Connection:
    """A shared transport with the credentials of a Secret, which are read again after a refusal."""

    def __init__(self, transport: PollingTransport, secrets: SecretBook, key: _Key) -> None:
        self._transport, self._secrets, self._reference = transport, secrets, key.secret
        self._host = origin_of(key.base_url)[1]

    async def send(self, request: Request) -> Response:
        used = await self._secrets.get(self._reference, host=self._host)
        self._transport.credentials = used
        try:
            response = await self._transport.send(request)
        except RemoteError as error:  # a BMC that refused a login
            if not await self._renewed(used, error.status_code):
                raise
        else:
            if not await self._renewed(used, response.status):
                return response
        return await self._transport.send(request)

    async def _renewed(self, used: Credentials | None, status: int | None) -> bool:
        """Return whether the credentials were refused and the Secret has others now, which the transport then uses."""
        if status not in (401, 403) or not self._reference:
            return False
        self._transport.credentials = await self._secrets.get(self._reference, host=self._host, refused=True)
        return self._transport.credentials != used


class EndpointTransport(AsyncTransport):
    """`AsyncTransport` to one endpoint. Closing it ends the login and the connection when nobody else uses them."""

    def __init__(self, connection: _Connection | None = None, release: Callable[[], None] = lambda: None) -> None:
        self._connection, self._release = connection, release
        self._open = True

    @property
    def remote(self) -> bool:
        """Whether there is a server at all."""
        return self._connection is not None

    async def send(self, request: Request) -> Response:
        """Return the response; raises `WaoError`."""
        if self._connection is None:
            raise RemoteError(f"{request.url}: this type needs the URL of a server", endpoint=request.url)
        return await self._connection.send(request)

    def release(self) -> None:
        """Return the connection; further calls have no effect."""
        if self._open:
            self._open = False
            self._release()

    async def close(self) -> None:
        """Return the connection."""
        self.release()


@asynccontextmanager
async def connecting(read_secret: ReadSecret, access: EndpointAccess | None = None) -> AsyncIterator[Endpoints]:
    """Yield the `Endpoints` of a server, and close all connections at the end of the `async with`."""
    made = Endpoints(read_secret, access)
    try:
        yield made
    finally:
        await made.close()
