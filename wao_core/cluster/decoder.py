"""Decode objects of one kind from JSON or YAML, with errors that name object and field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Generic, TypeVar

import msgspec

from wao_core.cluster.pod_cpu import decode_cores
from wao_core.errors import ManifestError
from wao_predict.json_values import NOT_JSON, has_more_values

T = TypeVar("T")

MOST_VALUES = 50_000
"""Values of one object that is decoded slowly, to name what is wrong with it."""


class Decoder(Generic[T]):
    """Decodes objects of one kind of the API.

    Unknown fields are ignored. A null counts as a missing field, as in Go. The schema should allow nulls where they are
    usual, since others are decoded a second time without them. All errors are `ManifestError`, whatever is wrong.

    Parameters
    ----------
    kind
        The API's name of the kind, such as "Pod".
    schema
        The type that msgspec decodes.
    build
        Returns the result for an instance of `schema`.
    """

    def __init__(self, kind: str, schema: Any, build: Callable[[Any], T]) -> None:
        self.kind, self._schema, self._build = kind, schema, build

    @cached_property
    def _json(self) -> msgspec.json.Decoder[Any]:
        return msgspec.json.Decoder(self._schema, strict=False, dec_hook=decode_cores)

    def decode_json(self, body: bytes | msgspec.Raw) -> T:
        """Return the object in `body`; several times faster than `decode_object`.

        Raises
        ------
        ManifestError
            It is not JSON, or not a valid object of this kind; names the field.
        """
        try:
            return self._build(self._json.decode(body))
        except Exception:  # nulls, or a real error, which the other way names
            return self.decode_object(_parsed(body))

    def decode_object(self, raw: object) -> T:
        """Return the object given as decoded JSON or YAML.

        Raises
        ------
        ManifestError
            It is not a valid object of this kind; names the field.
        """
        try:
            return self._build(msgspec.convert(_without_nulls(raw), self._schema, strict=False, dec_hook=decode_cores))
        except Exception as error:
            raise self._refusal(raw, error) from None

    def _refusal(self, raw: object, error: Exception) -> ManifestError:
        if isinstance(error, ManifestError):
            return error
        message, _, path = str(error).partition(" - at `$.")
        metadata = raw.get("metadata") if isinstance(raw, Mapping) else None
        name = metadata.get("name", "") if isinstance(metadata, Mapping) else ""
        shown = f"{message}" if isinstance(error, ValueError) else f"{type(error).__name__}: {message}"
        return ManifestError(f"{self.kind} {name!s:.253}: {shown:.300}", field=path.rstrip("`"))


def _parsed(body: bytes | msgspec.Raw) -> object:
    if has_more_values(bytes(body), MOST_VALUES):
        raise ManifestError(f"more than {MOST_VALUES} values: no object of the API")
    try:
        return msgspec.json.decode(body)
    except NOT_JSON as error:
        raise ManifestError(f"not JSON: {error}") from None


def _without_nulls(value: Any) -> Any:
    """Return a decoded value without the nulls in its mappings."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
