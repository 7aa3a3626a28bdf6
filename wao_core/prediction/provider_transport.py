"""Requests of a model whose server an endpoint provider names: two servers, each with its own credentials and TLS."""

from __future__ import annotations

from collections.abc import Callable

from wao_core.collector.endpoints import EndpointTransport
from wao_predict.connection import base_of
from wao_predict.flow import AsyncTransport, Request, Response


class ProviderTransport(AsyncTransport):
    """Sends paths to the provider and absolute URLs to the model server, also where both are the same host.

    Parameters
    ----------
    provider
        The connection to the provider.
    connect
        Returns the connection to the model server at a base URL; raises `WaoError`.
    """

    def __init__(self, provider: EndpointTransport, connect: Callable[[str], EndpointTransport]) -> None:
        self._provider, self._connect = provider, connect
        self._server: EndpointTransport | None = None
        self._base = ""

    async def send(self, request: Request) -> Response:
        """Return the response; raises `WaoError`."""
        if request.url.startswith("/"):
            return await self._provider.send(request)
        return await self._server_of(request.url).send(request)

    async def close(self) -> None:
        """Return both connections."""
        self._release_server()
        self._provider.release()

    def _server_of(self, url: str) -> EndpointTransport:
        base = base_of(url)
        if self._server is None or base != self._base:
            self._release_server()
            self._server, self._base = self._connect(base), base
        return self._server

    def _release_server(self) -> None:
        if self._server is not None:
            self._server.release()
            self._server = None
