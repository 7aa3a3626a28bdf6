"""Read Redfish resources for discovery: within limits, tolerant of broken ones, and never on another host."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

from wao_predict.connection import origin_of, without_userinfo
from wao_predict.errors import ProtocolError, RemoteError, RemoteTimeout, UsageError
from wao_predict.flow import MIB, Flow, Request, Response
from wao_predict.json_values import parse_json
from wao_predict.redfish.values import Document, items, reference, text
from wao_predict.remote import retry_after

ROOT = "/redfish/v1"
MAX_MEMBERS = 4096
MAX_FAULTS = 50
MAX_DEPTH = 64
_LINKS = ("@odata.id", "nextLink", "DataSourceUri")
MOVED = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of one attempt at discovery: requests, seconds, bytes of one resource, and bytes of all of them."""

    requests: int = 400
    seconds: float = 60.0
    bytes: int = 2 * MIB
    all_bytes: int = 8 * MIB


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
    """Return a JSON object, or None for anything else.

    NaN and Infinity are read as null, control characters are accepted in strings, and bytes that are not UTF-8 are
    replaced: they cost one value, not the resource.
    """
    try:
        document = _parse(body)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def unreadable(response: Response) -> str:
    """Return why a response is not a Redfish resource, for a person: its status, its redirect, or its JSON error."""
    if response.status in MOVED:
        target = without_userinfo(response.headers.get("location", ""))[:200]
        return f"answered {response.status}, a redirect to {target or 'nowhere'}: if that is the BMC, use its URL"
    if response.status != 200:
        return f"answered {response.status}"
    try:
        document = _parse(response.body)
    except ValueError as error:
        return f"answered 200, but its body is not valid JSON: {error}"
    return f"answered 200 with a JSON {type(document).__name__}, not an object"


def resource_error(response: Response) -> RemoteError:
    """Return the error of a response that is not a Redfish resource."""
    return RemoteError(
        f"{response.url} {unreadable(response)}",
        endpoint=response.url,
        status_code=response.status,
        retry_after=retry_after(response),
    )


def _parse(body: bytes) -> Any:
    return parse_json(body, constant=_null, lenient=True)


def _null(_name: str) -> None:
    return None


def moved_to(response: Response) -> str | None:
    """Return the path of a redirect on the same BMC, None for no redirect and for one to elsewhere.

    Some BMCs (iLO) redirect a path without its last slash to the one with it.
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
    """Reads each resource once; `requests` counts the requests of this attempt.

    Attributes
    ----------
    faults
        Resources that were broken or on another host, for people.
    transient
        The first failure of this attempt that may pass, such as a status 503, a timeout or a limit. What was found is
        provisional then.
    """

    bounds: Bounds = field(default_factory=Bounds)
    clock: Callable[[], float] = time.monotonic
    requests: int = 0
    faults: list[str] = field(default_factory=list)
    transient: RemoteError | None = None
    _documents: dict[str, Document | None] = field(default_factory=dict)
    _failed: set[str] = field(default_factory=set)
    _slashed: set[str] = field(default_factory=set)
    _kept: int = 0
    _host: str = ""
    _started: float | None = None

    @property
    def exhausted(self) -> bool:
        """Whether requests, time or memory are used up."""
        if self._started is None:
            self._started = self.clock()
        return self._full or self.requests >= self.bounds.requests or self._seconds > self.bounds.seconds

    @property
    def _full(self) -> bool:
        return self._kept > self.bounds.all_bytes

    @property
    def _seconds(self) -> float:
        return 0.0 if self._started is None else self.clock() - self._started

    def resume(self) -> None:
        """Begin another attempt with the documents of the one before; what failed for a while is read again."""
        for path in self._failed:
            self._documents.pop(path, None)
        self._failed.clear()
        self.faults.clear()
        self.requests, self._started, self.transient = 0, None, None

    def forget(self) -> None:
        """Drop all documents."""
        self._documents.clear()
        self._kept = 0

    def root(self) -> Flow[Document]:
        """Read the service root; it must answer.

        Raises
        ------
        ProtocolError
            The server does not speak Redfish.
        RemoteError
            It refuses or is away.
        """
        known = self._documents.get(ROOT)
        if known is not None:
            return known
        response: Response = yield self._request(f"{ROOT}/")
        if (target := moved_to(response)) is not None:
            response = yield self._request(target)
        elif response.status == 404:
            response = yield self._request(ROOT)
        if response.status in (401, 403):
            raise RemoteError(
                f"{response.url} answered {response.status}: give --user and a password, or a Secret",
                endpoint=response.url,
                status_code=response.status,
            )
        if response.status != 200:
            raise resource_error(response)
        document = self._decoded(response)
        if document is None:
            raise ProtocolError(
                f"{response.url} is not a Redfish service: it {unreadable(response)}", endpoint=response.url
            )
        self._documents[ROOT] = document
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
        document = self._decoded(response) if response.status == 200 else None
        if document is None:
            quoted = response.body[:200].decode(errors="replace")
            raise ProtocolError(
                f"{response.url} answered {response.status}, not a Redfish resource",
                endpoint=response.url,
                status_code=response.status,
                detail=quoted,
            )
        self._documents[path] = document
        return document

    def get(self, path: object) -> Flow[Document | None]:
        """Read one resource; None when it is not there, broken, elsewhere, or beyond the limits.

        Raises
        ------
        RemoteError
            The BMC refused the credentials.
        """
        bare = self._noted(path)
        if bare is None:
            if path:
                self._fault(f"{without_userinfo(str(path))!r:.80} is not a path on this BMC")
            return None
        if bare in self._documents:
            return self._documents[bare]
        if self.exhausted:
            self._note_limit()
            return None
        self._documents[bare] = yield from self._read(bare)
        return self._documents[bare]

    def members(self, path: object) -> Flow[list[str]]:
        """Read the paths of a collection's members, following its pages."""
        found: dict[str, None] = {}
        pages: set[object] = set()
        while path and path not in pages and len(found) < MAX_MEMBERS:
            pages.add(path)
            collection = yield from self.get(path)
            if collection is None:
                break
            listed = items(collection.get("Members")) or items(collection.get("members"))
            for member in listed[: MAX_MEMBERS - len(found)]:
                target = reference(member)
                if (bare := self._noted(target)) is not None:
                    found[bare] = None
                else:
                    self._fault(f"a member of {text(path)} leads elsewhere: {without_userinfo(target)!r:.80}")
            path = text(collection.get("Members@odata.nextLink")) or text(collection.get("@odata.nextLink"))
        return list(found)

    def known(self, path: str) -> Document | None:
        """Return a resource that has been read already."""
        return self._documents.get(path)

    def linked(self, bare: str) -> str:
        """Return a path as this BMC writes it: some require the slash at its end."""
        return f"{bare}/" if bare in self._slashed else bare

    def _read(self, bare: str) -> Flow[Document | None]:
        try:
            response: Response = yield from self._fetch(bare)
        except RemoteError as error:
            if error.status_code in (401, 403):
                raise
            self._fail(bare, error)
            return None
        document = self._decoded(response) if response.status == 200 else None
        if document is not None or response.status in (404, 410):
            return document
        if response.status in (401, 403):
            raise RemoteError(
                f"{bare} answered {response.status}: the credentials were refused",
                endpoint=response.url,
                status_code=response.status,
            )
        if response.status >= 500 or response.status in (408, 425, 429):
            self._fail(bare, resource_error(response))
        else:
            self._fault(f"{bare} {unreadable(response)}")
        return None

    def _decoded(self, response: Response) -> Document | None:
        """Return the resource, with absolute URLs of this BMC as paths (DSP0266 allows both)."""
        document = decode(response.body)
        if document is None:
            return None
        self._kept += len(response.body)
        if not self._host:
            self._host = (urlsplit(response.url).hostname or "").lower()
        absolute = self._host and b"://" in response.body.replace(b"\\/", b"/")
        return _as_paths(document, self._host) if absolute else document

    def _noted(self, path: object) -> str | None:
        """Return a path without the slash at its end, and remember whether there was one."""
        bare = safe_path(path)
        if bare is not None and str(path).partition("#")[0].endswith("/"):
            self._slashed.add(bare)
        return bare

    def _fetch(self, bare: str) -> Flow[Response]:
        """GET a path, and once more where the BMC redirects it to another path of its own."""
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

    def _note_limit(self) -> None:
        """Record that discovery was not completed in this attempt."""
        if self._full:
            reason = f"discovery stopped: the resources of this BMC are larger than {self.bounds.all_bytes >> 20} MiB"
        else:
            spent = self.requests >= self.bounds.requests
            limit = f"{self.requests} requests" if spent else f"{self.bounds.seconds:g} s"
            reason = f"discovery stopped after {limit}; it continues with the next attempt"
        self._fault(reason)
        self.transient = self.transient or RemoteTimeout(reason)

    def _fail(self, bare: str, error: RemoteError) -> None:
        """Record a failure that may pass."""
        self._failed.add(bare)
        self._fault(f"{bare}: {error}")
        self.transient = self.transient or error

    def _fault(self, what: str) -> None:
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(what)


def _as_paths(value: Any, host: str, depth: int = 0) -> Any:
    """Return a JSON value with the URLs of a host in `@odata.id` and `nextLink` as paths."""
    if depth > MAX_DEPTH:
        return value
    if isinstance(value, list):
        return [_as_paths(item, host, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _path_of(item, host)
        if isinstance(item, str) and key.endswith(_LINKS)
        else _as_paths(item, host, depth + 1)
        for key, item in value.items()
    }


def _path_of(url: str, host: str) -> str:
    if not url.lower().startswith(("http://", "https://")):
        return url
    try:
        parts = urlsplit(url)
        if (parts.hostname or "").lower() != host or parts.username is not None:
            return url
    except ValueError:
        return url
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.path}{query}{'#' + parts.fragment if parts.fragment else ''}"
