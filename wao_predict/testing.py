"""Fakes for tests of flows, sensors and backends: transports without a network, and a BMC that listens.

`MockTransport` answers requests with a function, as `httpx.MockTransport` does. `MockBmc` is a real HTTP server with
credentials, sessions and faults on demand, for tests that include the network.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from wao_predict.flow import Request, Response
from wao_predict.redfish.mock import Faults, MockBmc, MockPressureApi, load_documents

__all__ = [
    "AsyncMockTransport",
    "Faults",
    "MockBmc",
    "MockPressureApi",
    "MockTransport",
    "json_response",
    "load_documents",
    "serve_documents",
]

Handler = Callable[[Request], Response]


def json_response(document: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response with a JSON document as its body.

    Examples
    --------
    >>> json_response({"Reading": 21.5}).body
    b'{"Reading": 21.5}'
    """
    return Response(status, json.dumps(document).encode(), dict(headers or {}))


def serve_documents(documents: Mapping[str, object]) -> Handler:
    """Return a handler that serves JSON documents by path (without a slash at the end), and 404 for other paths.

    A document given as bytes is served as it is.
    """

    def handle(request: Request) -> Response:
        document = documents.get(request.url.rstrip("/"))
        if document is None:
            return Response(404, b"{}", {}, request.url)
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return Response(200, body, {}, request.url)

    return handle


class MockTransport:
    """A synchronous transport that answers with a function instead of the network.

    Parameters
    ----------
    handler
        Returns the response to a request, or raises what a transport raises (`RemoteError`).

    Attributes
    ----------
    requests
        Requests that were sent, in order.
    closed
        Whether `close` was called.

    Examples
    --------
    >>> from wao_predict.flow import run
    >>> from wao_predict.sensors.dpapi import DifferentialPressureSensor
    >>> document = {"code": 200, "sensor": [{"sensorid": "7", "pressure": 7.25}]}
    >>> transport = MockTransport(lambda request: json_response(document))
    >>> run(DifferentialPressureSensor("https://dp.example", sensor_id="7").flow(), transport).value
    7.25
    >>> transport.urls
    ['https://dp.example/api/sensor/7']
    """

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.requests: list[Request] = []
        self.closed = False

    @property
    def urls(self) -> list[str]:
        """The URLs of the requests that were sent, in order."""
        return [request.url for request in self.requests]

    def send(self, request: Request) -> Response:
        """Return the handler's response."""
        self.requests.append(request)
        return self.handler(request)

    def close(self) -> None:
        """Note that the transport was closed."""
        self.closed = True


class AsyncMockTransport:
    """The asynchronous counterpart of `MockTransport`, with the same handler and attributes.

    Examples
    --------
    >>> import asyncio
    >>> from wao_predict.flow import Request
    >>> transport = AsyncMockTransport(serve_documents({"/redfish/v1": {"Vendor": "Example"}}))
    >>> asyncio.run(transport.send(Request("GET", "/redfish/v1"))).body
    b'{"Vendor": "Example"}'
    """

    def __init__(self, handler: Handler) -> None:
        self._transport = MockTransport(handler)

    @property
    def requests(self) -> list[Request]:
        """Requests that were sent, in order."""
        return self._transport.requests

    @property
    def urls(self) -> list[str]:
        """The URLs of the requests that were sent, in order."""
        return self._transport.urls

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._transport.closed

    async def send(self, request: Request) -> Response:
        """Return the handler's response."""
        return self._transport.send(request)

    async def close(self) -> None:
        """Note that the transport was closed."""
        self._transport.close()
