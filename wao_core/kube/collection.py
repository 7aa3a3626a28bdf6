"""Collections of the API: list responses and watch lines to objects. Pure.

An object that cannot be decoded does not affect the others: it is reported with its key and the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from wao_core.errors import SourceError
from wao_predict.json_values import NOT_JSON

T = TypeVar("T")


@dataclass(frozen=True)
class Collection(Generic[T]):
    """A collection of the API, such as all Pods.

    Parameters
    ----------
    path
        Where it is listed and watched.
    name
        Its name for logs and metrics, such as "nodes.metrics.k8s.io".
    decode
        Returns one object from its JSON; raises any exception for an object that cannot be decoded.
    key
        Returns the key of an object from its namespace (empty if cluster-scoped) and name.
    """

    path: str
    name: str
    decode: Callable[[msgspec.Raw], T]
    key: Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; `unreadable` has the keys of the objects that could not be decoded, and the reasons."""

    objects: list[T]
    unreadable: Mapping[str, str]
    resource_version: str
    continue_token: str


@dataclass(frozen=True, slots=True)
class WatchEvent(Generic[T]):
    """One line of a watch.

    Bookmarks and errors have no key. An event of an object that could not be decoded has a `reason`. Errors have `code`
    and `reason`.
    """

    type: str
    key: str = ""
    object: T | None = None
    resource_version: str = ""
    code: int = 0
    reason: str = ""


class AnswerError(SourceError):
    """The answer is not a list or a watch of the API."""


class _Metadata(msgspec.Struct, frozen=True, gc=False):
    name: str | None = None
    namespace: str | None = None
    version: str | None = msgspec.field(name="resourceVersion", default=None)
    continue_token: str | None = msgspec.field(name="continue", default=None)


class _List(msgspec.Struct):
    items: list[msgspec.Raw] | None
    metadata: _Metadata = _Metadata()
    kind: str = "List"


class _Object(msgspec.Struct, frozen=True, gc=False):
    metadata: _Metadata = _Metadata()
    code: int | None = None
    message: str | None = None


class _Event(msgspec.Struct, frozen=True, gc=False):
    type: str
    object: msgspec.Raw


_decode_list = msgspec.json.Decoder(_List).decode
_decode_event = msgspec.json.Decoder(_Event).decode
_decode_object = msgspec.json.Decoder(_Object).decode


def decode_list(body: bytes, collection: Collection[T]) -> Page[T]:
    """Return the objects of a list response.

    Raises
    ------
    AnswerError
        The body is not a list.
    """
    listed = _listed(body, collection.path)
    objects: list[T] = []
    unreadable: dict[str, str] = {}
    for raw in listed.items or ():
        try:
            objects.append(collection.decode(raw))
        except Exception as error:  # whatever is wrong with one object, the others are read
            unreadable[_key(raw, collection)] = _reason(error)
    return Page(objects, unreadable, listed.metadata.version or "", listed.metadata.continue_token or "")


def objects_of(body: bytes, path: str) -> list[dict[str, Any]]:
    """Return the objects of a list response as JSON values.

    Raises
    ------
    AnswerError
        The body is not a list.
    """
    try:
        values = [msgspec.json.decode(raw) for raw in _listed(body, path).items or ()]
    except NOT_JSON as error:
        raise AnswerError(f"LIST {path}: an object is not JSON: {error}") from None
    return [value for value in values if isinstance(value, dict)]


def decode_watch_line(line: bytes, collection: Collection[T]) -> WatchEvent[T]:
    """Return the event in one line of a watch.

    Raises
    ------
    AnswerError
        The line is not an event.
    """
    try:
        event = _decode_event(line)
        about = _decode_object(event.object)
    except NOT_JSON as error:
        raise AnswerError(f"WATCH {collection.path}: a line is not an event: {error}") from None
    metadata, version = about.metadata, about.metadata.version or ""
    match event.type:
        case "ERROR":
            return WatchEvent("ERROR", code=about.code or 0, reason=about.message or "")
        case "BOOKMARK":
            return WatchEvent("BOOKMARK", resource_version=version)
        case "ADDED" | "MODIFIED" | "DELETED" if metadata.name:
            key = collection.key(metadata.namespace or "", metadata.name)
            if event.type == "DELETED":
                return WatchEvent("DELETED", key, resource_version=version)
            try:
                return WatchEvent(event.type, key, collection.decode(event.object), version)
            except Exception as error:
                return WatchEvent(event.type, key, resource_version=version, reason=_reason(error))
        case _:
            raise AnswerError(f"WATCH {collection.path}: an event of type {event.type:.60} without a usable object")


def _listed(body: bytes, path: str) -> _List:
    try:
        listed = _decode_list(body)
    except NOT_JSON as error:
        raise AnswerError(f"LIST {path}: the answer is not a list: {error}") from None
    if not listed.kind.endswith("List"):
        raise AnswerError(f"LIST {path}: the answer is a {listed.kind:.60}, not a list")
    return listed


def _key(raw: msgspec.Raw, collection: Collection[T]) -> str:
    try:
        metadata = _decode_object(raw).metadata
    except NOT_JSON:
        return "(unknown)"
    return collection.key(metadata.namespace or "", metadata.name or "")


def _reason(error: Exception) -> str:
    return str(error)[:300] or type(error).__name__
