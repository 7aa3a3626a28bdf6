"""Reads Redfish resources for discovery: bounded, tolerant of broken ones, and never on another host."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urljoin

from wao_predict.connection import origin_of
from wao_predict.errors import ProtocolError, RemoteError, UsageError
from wao_predict.flow import MIB, Flow, Request, Response
from wao_predict.json_values import parse_json
from wao_predict.redfish.values import Document, items, mapping, text

ROOT = "/redfish/v1"
MAX_MEMBERS = 512
MOVED = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one discovery may take: requests, seconds, bytes of one resource."""

    requests: int = 400
    seconds: float = 60.0
    bytes: int = 2 * MIB


def safe_path(path: object) -> str | None:
    """Return a path on the same BMC, or None for anything that leads elsewhere.

    A BMC, or who controls it, may name other hosts, traversals and tricks in @odata.id; credentials must not follow.
    """
    if not isinstance(path, str) or len(path) > 1024:
        return None
    bare = path.partition("#")[0].rstrip("/") or path
    if not (bare + "/").startswith("/redfish/") or bare.startswith("//"):
        return None
    if "\\" in bare or "//" in bare or any(part in ("..", ".") for part in bare.split("/")):
        return None
    if "%2e" in bare.lower() or "%5c" in bare.lower() or any(ord(char) < 33 or ord(char) == 127 for char in bare):
        return None
    return bare


def decode(body: bytes) -> Document | None:
    """Return a JSON object, or None for anything else; NaN and Infinity are no JSON."""
    try:
        document = parse_json(body, constant=_no_constant)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def moved_to(response: Response) -> str | None:
    """Return where a redirect leads on the same BMC, None for no redirect and for one that leads elsewhere.

    Some BMCs (iLO) send a path without its last slash on to the one with it.
    """
    location = response.headers.get("location", "")
    if response.status not in MOVED or not location:
        return None
    try:
        target = urljoin(response.url, location)
        if not target.startswith("/"):
            if origin_of(target) != origin_of(response.url):
                return None
            target = "/" + target.split("/", 3)[3]
    except (IndexError, ValueError, UsageError):
        return None
    return target if safe_path(target) is not None and "#" not in target else None


@dataclass
class Explorer:
    """Fetches resources once each; `requests` counts what went over the wire."""

    bounds: Bounds = field(default_factory=Bounds)
    clock: Callable[[], float] = time.monotonic
    requests: int = 0
    faults: list[str] = field(default_factory=list)
    _documents: dict[str, Document | None] = field(default_factory=dict)
    _slashed: set[str] = field(default_factory=set)
    _started: float | None = None

    @property
    def exhausted(self) -> bool:
        """Whether requests or time are used up."""
        if self._started is None:
            self._started = self.clock()
        return self.requests >= self.bounds.requests or self.clock() - self._started > self.bounds.seconds

    def root(self) -> Flow[Document]:
        """Read the service root; it must answer.

        Raises
        ------
        ProtocolError
            The server does not speak Redfish.
        RemoteError
            It refuses or is away.
        """
        response = yield self._request(f"{ROOT}/")
        if response.status in MOVED or response.status == 404:
            response = yield self._request(ROOT)
        if response.status != 200:
            hint = ": give --user and a password" if response.status in (401, 403) else ""
            raise RemoteError(
                f"{response.url} answered {response.status}{hint}", endpoint=response.url, status_code=response.status
            )
        document = decode(response.body)
        if document is None:
            raise ProtocolError(f"{response.url} is not a Redfish service: its root is not JSON", endpoint=response.url)
        return document

    def required(self, path: str) -> Flow[Document]:
        """Read one resource that must be there.

        Raises
        ------
        ProtocolError
            It is not, or it is not JSON.
        RemoteError
            The BMC is away.
        """
        response = yield from self._fetch(path)
        document = decode(response.body) if response.status == 200 else None
        if document is None:
            quoted = response.body[:200].decode(errors="replace")
            raise ProtocolError(
                f"{response.url} answered {response.status}, not a Redfish resource: {quoted}",
                endpoint=response.url,
                status_code=response.status,
            )
        self._documents[path] = document
        return document

    def get(self, path: object) -> Flow[Document | None]:
        """Read one resource; None when it is not there, broken, elsewhere, or beyond the bounds."""
        bare = self._noted(path)
        if bare is None:
            if path:
                self._fault(f"{path!r:.80} is not a path on this BMC")
            return None
        if bare in self._documents:
            return self._documents[bare]
        if self.exhausted:
            self._fault("stopped: too many requests or too much time")
            return None
        document: Document | None = None
        try:
            response = yield from self._fetch(bare)
            if response.status == 200:
                document = decode(response.body)
            if document is None and response.status in (401, 403):
                raise RemoteError(
                    f"{bare} answered {response.status}: the credentials were refused",
                    endpoint=response.url,
                    status_code=response.status,
                )
            if document is None and response.status != 404:
                self._fault(f"{bare}: status {response.status}, not a readable resource")
        except RemoteError as error:
            if error.status_code in (401, 403):
                raise
            self._fault(f"{bare}: {error}")
        self._documents[bare] = document
        return document

    def members(self, path: object) -> Flow[list[str]]:
        """Read the paths of a collection's members, following its pages."""
        found: list[str] = []
        pages: set[object] = set()
        while path and path not in pages and len(found) < MAX_MEMBERS:
            pages.add(path)
            collection = yield from self.get(path)
            if collection is None:
                break
            listed = items(collection.get("Members")) or items(collection.get("members"))
            for member in listed[:MAX_MEMBERS]:
                target = mapping(member).get("@odata.id")
                if (bare := self._noted(target)) is not None and bare not in found:
                    found.append(bare)
                elif bare is None:
                    self._fault(f"a member of {text(path)} leads elsewhere: {target!r:.80}")
            path = text(collection.get("Members@odata.nextLink")) or text(collection.get("@odata.nextLink"))
        return found

    def known(self, path: str) -> Document | None:
        """Return a resource that has been read already."""
        return self._documents.get(path)

    def linked(self, bare: str) -> str:
        """Return a path as this BMC writes it: some want the slash at its end."""
        return f"{bare}/" if bare in self._slashed else bare

    def _noted(self, path: object) -> str | None:
        """Return a path without the slash at its end, and remember whether there was one."""
        bare = safe_path(path)
        if bare is not None and str(path).partition("#")[0].endswith("/"):
            self._slashed.add(bare)
        return bare

    def _fetch(self, bare: str) -> Flow[Response]:
        """GET a path, and once more where the BMC sends it on to another path of its own."""
        response: Response = yield self._request(self.linked(bare))
        if (target := moved_to(response)) is not None and not self.exhausted:
            if safe_path(target) == bare:
                self._noted(target)
            response = yield self._request(target)
        return response

    def _request(self, path: str) -> Request:
        if self._started is None:
            self._started = self.clock()
        self.requests += 1
        return Request("GET", path, max_bytes=self.bounds.bytes)

    def _fault(self, what: str) -> None:
        if len(self.faults) < 50:
            self.faults.append(what)
