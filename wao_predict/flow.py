"""Protocols without I/O: a flow is a generator that yields requests and receives responses.

One flow serves the synchronous client, the asynchronous client, the collector's pollers and the tests. `run` and
`arun` drive a flow; a transport does the I/O.

Examples
--------
A flow yields a `Request` and gets its `Response`:

>>> import json
>>> def read_power(path: str) -> "Flow[float]":
...     response = yield Request("GET", path)
...     return float(json.loads(response.body)["PowerControl"][0]["PowerConsumedWatts"])

A test drives it with a function in place of the network; a program with `wao_predict.transport.HttpTransport`:

>>> from wao_predict.testing import MockTransport, json_response
>>> bmc = MockTransport(lambda request: json_response({"PowerControl": [{"PowerConsumedWatts": 344}]}))
>>> run(read_power("/redfish/v1/Chassis/1/Power"), bmc)
344.0

A flow uses another flow with `yield from`. A transport's error is raised at the `yield`:

>>> from wao_predict.errors import RemoteError
>>> def total_power(paths: list[str]) -> "Flow[float]":
...     total = 0.0
...     for path in paths:
...         try:
...             total += yield from read_power(path)
...         except RemoteError:
...             pass
...     return total
>>> run(total_power(["/redfish/v1/Chassis/1/Power", "/redfish/v1/Chassis/2/Power"]), bmc)
688.0
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

T = TypeVar("T")

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request of a flow.

    Parameters
    ----------
    url
        Absolute URL, or a path that begins with "/" and is resolved against the transport's base URL.
    max_bytes
        Largest response body [bytes]; a larger one is a `ProtocolError`.
    authenticate
        Send the transport's credentials. They are sent to the transport's own origin only.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    max_bytes: int = 2 * MIB
    authenticate: bool = True


@dataclass(frozen=True, slots=True)
class Response:
    """The response to one request, with any status and the whole body. Header names are in lower case."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = ""


Flow = Generator[Request, Response, T]


class Transport(Protocol):
    """Sends one request and returns its response, or raises `RemoteError`; never follows a redirect."""

    def send(self, request: Request) -> Response:
        """Return the response to `request`."""
        ...

    def close(self) -> None:
        """Close connections and log out."""
        ...


class AsyncTransport(Protocol):
    """The asynchronous counterpart of `Transport`."""

    async def send(self, request: Request) -> Response:
        """Return the response to `request`."""
        ...

    async def close(self) -> None:
        """Close connections and log out."""
        ...


def run(flow: Flow[T], transport: Transport) -> T:
    """Drive `flow` to its result through a synchronous transport."""
    try:
        request = next(flow)
        while True:
            try:
                response = transport.send(request)
            except Exception as error:
                request = flow.throw(error)
            else:
                request = flow.send(response)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        flow.close()


async def arun(flow: Flow[T], transport: AsyncTransport) -> T:
    """Drive `flow` to its result through an asynchronous transport."""
    try:
        request = next(flow)
        while True:
            try:
                response = await transport.send(request)
            except Exception as error:
                request = flow.throw(error)
            else:
                request = flow.send(response)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        flow.close()
