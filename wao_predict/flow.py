"""Protocols without I/O: a flow is a generator that yields requests and is sent responses.

One description of a protocol serves the synchronous client, the asynchronous client, the collector's pollers and
the tests. `run` and `arun` are the only two loops that drive a flow; a transport does the I/O.
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
        Largest response body that is read; a larger one is an error.
    authenticate
        Send the transport's credentials. Only ever honoured for the transport's own origin.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    max_bytes: int = 2 * MIB
    authenticate: bool = True


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to one request: any status, the whole body. Header names are in lower case."""

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
    """The asynchronous twin of `Transport`."""

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
