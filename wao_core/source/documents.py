"""Documents of a manifest file, and the records they describe."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from wao_core.cluster.records import Kind, Record
from wao_core.cluster.source import Secret
from wao_core.errors import ManifestError
from wao_core.kube.resources import RESOURCES
from wao_core.source.decoders import decode_object

SUFFIXES = (".yaml", ".yml", ".json")
MAX_FILE = 64 * 1024 * 1024
METRICS = (Kind.NODE_METRICS, Kind.POD_METRICS)
UNDATED = "1970-01-01T00:00:00Z"
"""Timestamp of figures that have none: they are valid as long as the file contains them."""


def documents(path: Path, shown: str) -> list[tuple[int, Mapping[str, Any]]]:
    """Return the documents of a file with their numbers; a List counts as its items.

    Raises
    ------
    ManifestError
        The file cannot be read or is not YAML.
    """
    try:
        if path.stat().st_size > MAX_FILE:
            raise ManifestError(f"larger than {MAX_FILE >> 20} MiB: split it", file=shown)
        parsed = _parsed(path)
    except yaml.YAMLError as error:
        raise ManifestError(f"not valid YAML: {' '.join(str(error).split())[:200]}", file=shown) from None
    except (OSError, ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError, as a huge number is
        raise ManifestError(f"cannot be read: {error}", file=shown) from None
    found: list[tuple[int, Mapping[str, Any]]] = []
    for number, document in enumerate(parsed, start=1):
        if document is None:
            continue
        listed = (
            document.get("items") if isinstance(document, Mapping) and document.get("kind") == "List" else [document]
        )
        for item in listed or ():
            if not isinstance(item, Mapping):
                raise ManifestError(
                    "not a Kubernetes object: apiVersion, kind and metadata are needed", file=shown, document=number
                )
            found.append((number, item))
    return found


def _parsed(path: Path) -> list[Any]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":  # fifty times faster than as YAML
        try:
            return [msgspec.json.decode(text)]
        except msgspec.DecodeError:
            pass  # several documents, or YAML syntax
    return list(yaml.load_all(text, Loader=_LOADER))


_LOADER: Any = type("Loader", (getattr(yaml, "CSafeLoader", yaml.SafeLoader),), {})
"""YAML without its timestamp type: in the API timestamps are text."""
_LOADER.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in _LOADER.yaml_implicit_resolvers.items()
}


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
    if resource.kind in METRICS and "timestamp" not in document:
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
