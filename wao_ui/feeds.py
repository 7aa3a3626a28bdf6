"""Feeds: one HTTP API each, read again every period; the last good answer stays, with its time and the problem."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import msgspec
import pydantic

from wao_core.serving.api import validation_message
from wao_predict.connection import Credentials, HttpOptions, TlsPolicy, base_of
from wao_predict.errors import RemoteError, WaoError
from wao_predict.flow import MIB, Request
from wao_predict.json_values import NOT_JSON
from wao_predict.transport import AsyncHttpTransport

T = TypeVar("T")
LONGEST = 10.0  # seconds of one request
LARGEST = 64 * MIB  # of one answer; the curves of 5,000 nodes are some 3 MB
MOST_TEXT = 300  # characters of a problem
_NO_HEADERS: Mapping[str, str] = {}
_log = logging.getLogger(__name__)


class Api:
    """One HTTP API of an application.

    Parameters
    ----------
    url
        Its origin.
    tls
        How its certificate is verified.
    token
        Returns the bearer token of each request, or None for none. It goes to the origin only.

    Raises
    ------
    UsageError
        The URL or the authorities cannot be used.
    """

    def __init__(self, url: str, tls: TlsPolicy, *, token: Callable[[], str | None] = lambda: None) -> None:
        self.url = base_of(url)
        no_credentials: Credentials | None = None
        options = HttpOptions(timeout=LONGEST, attempts=1)
        self._transport = AsyncHttpTransport(self.url, credentials=no_credentials, tls=tls, options=options)
        self._token = token

    async def get(self, path: str, *, new_connection: bool = False) -> bytes:
        """Return the body of a 200; raises `RemoteError`. A new connection can lead to another replica."""
        return await self._send("GET", path, None, {"Connection": "close"} if new_connection else {})

    async def post(self, path: str, body: object) -> bytes:
        """Return the body of the answer to JSON; raises `RemoteError` with what the API says."""
        return await self._send("POST", path, json.dumps(body).encode())

    async def exists(self) -> bool:
        """Return False if there is no host of this name: in a cluster, the Service of a part that is not installed."""
        try:
            async with asyncio.timeout(LONGEST):
                await asyncio.get_running_loop().getaddrinfo(urlsplit(self.url).hostname, None)
        except socket.gaierror as error:
            return error.errno not in (socket.EAI_NONAME, socket.EAI_NODATA)
        except TimeoutError:
            pass
        return True

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def _send(self, method: str, path: str, body: bytes | None, more: Mapping[str, str] = _NO_HEADERS) -> bytes:
        token = self._token()
        headers = {**more} if token is None else {**more, "Authorization": f"Bearer {token}"}
        response = await self._transport.send(Request(method, path, headers, body, LARGEST))
        if response.status == 200:
            return response.body
        said = _error_text(response.body)
        raise RemoteError(
            f"it answered {response.status}{said and f': {said}'}", endpoint=self.url, status_code=response.status
        )


def _error_text(body: bytes) -> str:
    """Return what an error of our own servers says, in either of its forms."""
    try:
        document: Any = msgspec.json.decode(body)
    except NOT_JSON:
        return ""
    found = (document.get("error") or document.get("message")) if isinstance(document, dict) else None
    return found[:MOST_TEXT] if isinstance(found, str) else ""


class Feed(Generic[T]):
    """The last answer of one API.

    Parameters
    ----------
    name
        Name of the source for people.
    read
        Returns the decoded answer; may raise `WaoError`, `ValueError` or `TimeoutError`.
    exists
        Returns whether there is such a server, when it does not answer; default: it must be there.

    Attributes
    ----------
    value
        The last good answer, None before the first.
    read_at
        When it was read [s since the epoch].
    problem
        Why the last attempt failed; empty if it succeeded.
    absent
        Whether there is no such server. Then there is no value, and that is not a failure.
    seconds
        Duration of the last attempt.
    """

    def __init__(
        self,
        name: str,
        where: str,
        read: Callable[[], Awaitable[T]],
        *,
        exists: Callable[[], Awaitable[bool]] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name, self.where = name, where
        self._read, self._exists, self._clock = read, exists, clock
        self.value: T | None = None
        self.read_at: float | None = None
        self.absent = False
        self.problem = "it has not been read yet"
        self.seconds = 0.0

    async def refresh(self) -> None:
        """Read the API once."""
        begin = time.monotonic()
        try:
            async with asyncio.timeout(2 * LONGEST):
                self.value = await self._read()
        except Exception as error:
            self.absent = self._exists is not None and not await self._exists()
            if self.absent:
                self._leave()
            else:
                self._failed(problem_text(error))
        else:
            if self.problem and self.read_at is not None:
                _log.info("%s is read again", self.name)
            self.read_at, self.problem, self.absent = self._clock(), "", False
        self.seconds = time.monotonic() - begin

    def _leave(self) -> None:
        problem = f"it is not installed: there is no host of the name in {self.where}"
        if problem != self.problem:
            _log.info("%s: %s", self.name, problem)
        self.value, self.read_at, self.problem = None, None, problem

    def _failed(self, problem: str) -> None:
        if problem != self.problem:
            _log.warning("%s at %s cannot be read: %s", self.name, self.where, problem)
        self.problem = problem


def value_of(feed: Feed[T] | None) -> T | None:
    """Return the last good answer of a feed, None without one."""
    return None if feed is None else feed.value


def problem_text(error: Exception) -> str:
    """Return why an API could not be read, for people."""
    if isinstance(error, pydantic.ValidationError):
        return f"its answer cannot be read: {validation_message(error)}"[:MOST_TEXT]
    if isinstance(error, msgspec.DecodeError | RecursionError):
        return f"its answer cannot be read: {error}"[:MOST_TEXT]
    if isinstance(error, WaoError):
        return str(error)[:MOST_TEXT]
    if isinstance(error, TimeoutError):
        return "no answer in time"
    _log.error("a source cannot be read", exc_info=error)
    return f"{type(error).__name__}; the log of this server has the details"
