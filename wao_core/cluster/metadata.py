"""The metadata of objects of the API, and the fields it gives to records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from wao_core.cluster.names import GROUP
from wao_core.cluster.records import OwnerRef
from wao_predict.timestamps import parse_rfc3339

KEPT_ANNOTATIONS = ("waok8s.github.io/", f"{GROUP}/")
"""Prefixes of the annotations kept in records of Pods. Others can be large and are never read."""


class Part(msgspec.Struct, frozen=True, gc=False, kw_only=True, rename="camel"):
    """A part of an object of the API; field names are camelCase in JSON."""


class _Owner(Part, frozen=True):
    kind: str
    name: str
    uid: str = ""
    controller: bool = False


class Metadata(Part, frozen=True):
    """The parts of the metadata that records need."""

    name: str
    namespace: str = ""
    uid: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    creation_timestamp: str | None = None  # Go writes a zero time as null
    deletion_timestamp: str | None = None
    owner_references: tuple[_Owner, ...] = ()

    def fields(self, *, annotations: bool = True) -> dict[str, Any]:
        """Return the fields of a `Record`; without `annotations`, only those of this project are kept."""
        kept = self.annotations
        if not annotations and kept:
            kept = {key: value for key, value in kept.items() if key.startswith(KEPT_ANNOTATIONS)}
        return {
            "name": self.name,
            "uid": self.uid,
            "labels": self.labels,
            "annotations": kept,
            "created": parse_rfc3339(self.creation_timestamp),
        }

    def namespaced(self, *, annotations: bool = True) -> dict[str, Any]:
        """Return the fields of a `NamespacedRecord`."""
        return self.fields(annotations=annotations) | {"namespace": self.namespace or "default"}

    @property
    def owner(self) -> OwnerRef | None:
        """The controlling owner, if there is one."""
        for owner in self.owner_references:
            if owner.controller:
                return OwnerRef(owner.kind, owner.name, owner.uid)
        return None


class ApiObject(Part, frozen=True):
    """An object of the API."""

    metadata: Metadata


def metadata_fields(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that the metadata of a decoded object gives to a `NamespacedRecord`, and its owner.

    Raises
    ------
    msgspec.ValidationError
        The metadata is not valid.
    """
    metadata = msgspec.convert({"metadata": raw.get("metadata") or {}}, ApiObject, strict=False).metadata
    return metadata.namespaced() | {"owner": metadata.owner}
