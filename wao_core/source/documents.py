"""Documents of a manifest file, and the records they describe."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from stat import S_ISREG
from typing import Any

from wao_core.cluster.records import Kind, Record
from wao_core.cluster.source import Secret
from wao_core.errors import ManifestError
from wao_core.kube.resources import POLLED, RESOURCES
from wao_core.source.decoders import decode_object
from wao_core.source.plain_values import plain_values

SUFFIXES = (".yaml", ".yml", ".json")
MAX_FILE = 64 * 1024 * 1024
UNDATED = "1970-01-01T00:00:00Z"
"""Timestamp of figures that have none: they are valid as long as the file contains them."""


def documents(path: Path, shown: str) -> list[tuple[int, Mapping[str, Any]]]:
    """Return the documents of a file with their numbers; a List counts as its items.

    Raises
    ------
    ManifestError
        The file cannot be read, is not YAML or exceeds a bound.
    """
    try:
        parsed = plain_values(_text(path), json=path.suffix == ".json")
    except ManifestError as error:
        raise ManifestError(error.reason, file=shown) from None
    found: list[tuple[int, Mapping[str, Any]]] = []
    for number, document in enumerate(parsed, start=1):
        if document is None:
            continue
        is_list = isinstance(document, Mapping) and document.get("kind") == "List"
        listed = (document.get("items") or []) if is_list else [document]
        for item in listed if isinstance(listed, list) else [listed]:
            if not isinstance(item, Mapping):
                raise ManifestError(
                    "not a Kubernetes object: apiVersion, kind and metadata are needed", file=shown, document=number
                )
            found.append((number, item))
    return found


def _text(path: Path) -> str:
    try:
        # a FIFO that has taken a file's place must not block the reader
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ManifestError("cannot be read: it is not a regular file")
            content = file.read(MAX_FILE + 1)
        if len(content) > MAX_FILE:
            raise ManifestError(f"larger than {MAX_FILE >> 20} MiB: split it")
        return content.decode()
    except UnicodeDecodeError:
        raise ManifestError("cannot be read: it is not UTF-8 text") from None
    except OSError as error:
        raise ManifestError(f"cannot be read: {error.strerror}") from None


def record_of(document: Mapping[str, Any]) -> tuple[Kind, Record] | None:
    """Return kind and record of a document, or None for a kind that is not used.

    Raises
    ------
    ManifestError
        The document is not a valid object of its kind; names the field.
    """
    kind, version = document.get("kind"), document.get("apiVersion")
    if not isinstance(kind, str) or not isinstance(version, str):
        raise ManifestError(
            "apiVersion and kind are needed", field="kind" if not isinstance(kind, str) else "apiVersion"
        )
    resource = RESOURCES.get(kind)
    if resource is None:
        return None
    if version != resource.api_version:
        raise ManifestError(
            f"{version!r:.60} is not a supported version of {kind}: write {resource.api_version}", field="apiVersion"
        )
    metadata = document.get("metadata")
    if not isinstance(metadata, Mapping) or not isinstance(metadata.get("name"), str) or not metadata["name"]:
        raise ManifestError("the object needs a name", field="metadata.name")
    if resource.kind in POLLED and "timestamp" not in document:
        document = {**document, "timestamp": UNDATED}
    return resource.kind, decode_object(kind, document)


def secret_of(document: Mapping[str, Any]) -> tuple[str, Secret]:
    """Return the key "namespace/name" and the Secret of a document.

    Raises
    ------
    ManifestError
        A value under `data` is not base64.
    """
    metadata = document.get("metadata")
    if not isinstance(metadata, Mapping) or not isinstance(document.get("stringData") or {}, Mapping):
        raise ManifestError("a Secret needs metadata and its data as mappings", field="metadata")
    name = f"{metadata.get('namespace') or 'default'}/{metadata.get('name')}"
    data = {key: str(value).encode() for key, value in (document.get("stringData") or {}).items()}
    for key, value in (document.get("data") or {}).items():
        try:
            data[key] = base64.b64decode(str(value), validate=True)
        except ValueError:
            raise ManifestError("not base64: write plain text under stringData instead", field=f"data.{key}") from None
    annotations = {str(key): str(value) for key, value in (metadata.get("annotations") or {}).items()}
    return name, Secret(data, annotations)
