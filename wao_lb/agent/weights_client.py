"""Weights from the weight service by long poll, and equal weights when it is unavailable for too long.

One long poll lists the versions of all Services; only changed Services that this node serves are then read. After a
failure the last weights stay valid for `stale_after` seconds.
"""

from __future__ import annotations

import asyncio
import logging
import math
import ssl
import time
from collections.abc import Callable, Collection
from enum import StrEnum
from typing import TypeVar

import aiohttp
import msgspec

from wao_lb.agent.model import Weights
from wao_lb.agent.weights_documents import PortWeights, port_weights
from wao_lb.documents import ServiceWeights, WeightsListing
from wao_predict.backoff import Backoff
from wao_predict.connection import TlsPolicy, ssl_context
from wao_predict.errors import UsageError, WaoError
from wao_predict.json_values import NOT_JSON

log = logging.getLogger(__name__)
T = TypeVar("T")

MAX_WAIT = 20.0
"""Longest duration of a long poll [s]: the service allows 60, but a dead connection is only noticed after it."""
MIN_INTERVAL = 1.0
"""Minimum time between two polls [s], whatever the service answers."""
MAX_LIST, MAX_DOCUMENT = 16 * 1024 * 1024, 4 * 1024 * 1024
CONCURRENCY = 4


class WeightsProblem(StrEnum):
    """Why there are no weights, as one word for health and metrics."""

    NO_ANSWER = "no-answer"
    REFUSED = "refused"
    MALFORMED = "malformed"


class WeightsError(WaoError):
    """The weight service did not answer, or its answer is not valid."""

    def __init__(self, message: str, problem: WeightsProblem) -> None:
        super().__init__(message)
        self.problem = problem


class WeightsClient:
    """Client of a weight service.

    Parameters
    ----------
    url
        Base URL of the service.
    tls
        How its certificate is verified; the CA file is read again when it changes.
    wanted
        Returns the Services whose weights are needed, by "namespace/name".
    on_change
        Called when the result of `weights` changes.
    on_failure
        Called after each failed request.
    stale_after
        Seconds without an answer after which the known weights expire.
    """

    def __init__(
        self,
        url: str,
        tls: TlsPolicy,
        wanted: Callable[[], Collection[str]],
        *,
        on_change: Callable[[], None] = lambda: None,
        on_failure: Callable[[], None] = lambda: None,
        stale_after: float = 60.0,
    ) -> None:
        self._url, self._tls, self._wanted = url.rstrip("/"), tls, wanted
        self._on_change, self._on_failure, self._stale_after = on_change, on_failure, stale_after
        self._listed: dict[str, str] = {}
        self._have: dict[str, tuple[str, PortWeights]] = {}
        self._version = ""
        self._answered: float | None = None  # monotonic
        self._stale = True
        self._behind = asyncio.Event()
        self._tls_context: tuple[object, ssl.SSLContext] | None = None
        self._logged = ""
        self.problem: WeightsProblem | None = WeightsProblem.NO_ANSWER
        self.caught_up = asyncio.Event()

    @property
    def age(self) -> float:
        """Seconds since the last answer of the service."""
        return math.inf if self._answered is None else time.monotonic() - self._answered

    @property
    def fallback(self) -> WeightsProblem | None:
        """Why weights are equal, or None while the weights of the service are in use."""
        return (self.problem or WeightsProblem.NO_ANSWER) if self._stale else None

    def weights(self) -> Weights:
        """Return the known weights; empty when they have expired."""
        if self._stale:
            return {}
        return {key: value for _, ports in self._have.values() for key, value in ports.items()}

    def known(self) -> int:
        """Return the number of Services with known weights."""
        return 0 if self._stale else len(self._have)

    def note_services(self) -> None:
        """Request a read: the set of wanted Services may have changed."""
        self._behind.set()

    async def run(self) -> None:
        """Follow the service until cancelled."""
        async with self._session() as session, asyncio.TaskGroup() as group:
            group.create_task(self._poll(session))
            group.create_task(self._fetch_changes(session))
            group.create_task(self._watch_age())

    async def once(self) -> None:
        """Read all wanted weights once.

        Raises
        ------
        WeightsError
            The service did not answer.
        """
        async with self._session() as session:
            await self._list(session, wait=0.0)
            await self._fetch(session)
        self._answer()

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONCURRENCY + 1),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            headers={"User-Agent": "wao-lb-agent", "Accept": "application/json", "Accept-Encoding": "identity"},
        )

    async def _poll(self, session: aiohttp.ClientSession) -> None:
        backoff = Backoff(initial=1.0, maximum=30.0)
        while True:
            begin = time.monotonic()
            try:
                changed = await self._list(
                    session, wait=min(MAX_WAIT, self._stale_after / 3.0) if self._version else 0.0
                )
                backoff.reset()
                self._answer()
                if changed:
                    self._behind.set()
                pause = MIN_INTERVAL - (time.monotonic() - begin)
            except WeightsError as error:
                self._fail(error)
                pause = backoff.next()
            await asyncio.sleep(max(0.0, pause))

    async def _fetch_changes(self, session: aiohttp.ClientSession) -> None:
        backoff = Backoff(initial=1.0, maximum=30.0)
        while True:
            await self._behind.wait()
            self._behind.clear()
            try:
                await self._fetch(session)
                backoff.reset()
            except WeightsError as error:
                self._fail(error)
                self._behind.set()
                await asyncio.sleep(backoff.next())

    async def _watch_age(self) -> None:
        """Expire the weights when they get too old."""
        while True:
            left = self._stale_after - self.age
            if left <= 0.0 and not self._stale:
                self._stale = True
                log.warning("no answer from the weight service for %g s: weights are equal now", self._stale_after)
                self._on_change()
            await asyncio.sleep(1.0 if self._stale else min(max(left, 0.05), 1.0))

    def _answer(self) -> None:
        self._answered, self.problem, self._logged = time.monotonic(), None, ""
        if self._stale:
            self._stale = False
            self._on_change()

    def _fail(self, error: WeightsError) -> None:
        if str(error) != self._logged:
            log.warning("%s", error)
        self._logged, self.problem = str(error), error.problem
        self._on_failure()

    async def _list(self, session: aiohttp.ClientSession, *, wait: float) -> bool:
        """Read the versions of all Services; return whether any changed."""
        path = f"/v1/weights?wait={wait:g}s"
        status, body = await self._get(session, path, known=self._version, limit=MAX_LIST, timeout=wait + 10.0)
        if status == 304:
            return False
        if status != 200:
            raise self._refused(path, status, body)
        listing = self._decode(body, WeightsListing)
        self._version = listing.version
        self._listed = {f"{item.namespace}/{item.service}": item.version for item in listing.services}
        for key in self._have.keys() - self._listed.keys():
            del self._have[key]
            self._on_change()
        return True

    async def _fetch(self, session: aiohttp.ClientSession) -> None:
        """Read the weights of wanted Services that changed."""
        wanted = self._wanted()
        behind = [key for key in wanted if self._listed.get(key, "") != self._have.get(key, ("", {}))[0]]
        gate = asyncio.Semaphore(CONCURRENCY)

        async def one(key: str) -> None:
            async with gate:
                await self._read(session, key)

        done = await asyncio.gather(*(one(key) for key in behind if key in self._listed), return_exceptions=True)
        for key in self._have.keys() - set(wanted):
            del self._have[key]
        if behind:
            self._on_change()
        for error in done:
            if isinstance(error, BaseException):
                raise error
        if self._version:
            self.caught_up.set()

    async def _read(self, session: aiohttp.ClientSession, key: str) -> None:
        path = f"/v1/weights/{key}"
        status, body = await self._get(session, path, known="", limit=MAX_DOCUMENT, timeout=10.0)
        if status == 404:
            self._listed.pop(key, None)
            self._have.pop(key, None)
        elif status != 200:
            raise self._refused(path, status, body)
        else:
            document = self._decode(body, ServiceWeights)
            self._have[key] = document.version, port_weights(key, document)
            # changes since the listing are part of the next listing
            self._listed[key] = document.version

    async def _get(
        self, session: aiohttp.ClientSession, path: str, *, known: str, limit: int, timeout: float
    ) -> tuple[int, bytes]:
        headers = {"If-None-Match": f'"{known}"'} if known else {}
        limits = aiohttp.ClientTimeout(total=timeout, sock_connect=5.0)
        try:
            async with session.get(
                self._url + path, headers=headers, timeout=limits, ssl=self._context(), allow_redirects=False
            ) as response:
                return response.status, await _bounded(response, limit)
        except (aiohttp.ClientError, TimeoutError, OSError, UsageError) as error:
            said = str(error) or type(error).__name__
            raise WeightsError(
                f"the weight service at {self._url} did not answer: {said}", WeightsProblem.NO_ANSWER
            ) from None

    def _context(self) -> ssl.SSLContext | bool:
        """Return the TLS context, created again when the CA file changed."""
        if not self._url.startswith("https:"):
            return False
        file = self._tls.ca_file
        stamp = None if file is None else (file.stat().st_mtime_ns, file.stat().st_size)
        if self._tls_context is None or self._tls_context[0] != stamp:
            self._tls_context = stamp, ssl_context(self._tls)
        return self._tls_context[1]

    def _refused(self, path: str, status: int, body: bytes) -> WeightsError:
        said = body[:200].decode(errors="replace").strip()
        return WeightsError(f"{self._url}{path}: {status} {said}", WeightsProblem.REFUSED)

    def _decode(self, body: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(body, type=kind)
        except NOT_JSON as error:
            problem = f"the weight service at {self._url} sent an invalid answer: {error}"
            raise WeightsError(problem, WeightsProblem.MALFORMED) from None


async def _bounded(response: aiohttp.ClientResponse, limit: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(65536):
        body += chunk
        if len(body) > limit:
            raise aiohttp.ClientPayloadError(f"the answer is larger than {limit} bytes")
    return bytes(body)
