"""Manifests as text to objects: documents of a file, and the record that each of them is. Pure but for the reading."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from wao_core.cluster.decode import decode_object
from wao_core.cluster.records import Kind, Record
from wao_core.errors import ManifestError

SUFFIXES = (".yaml", ".yml", ".json")
MAX_FILE = 64 * 1024 * 1024
KINDS = {
    "Node": ("v1", Kind.NODE),
    "Pod": ("v1", Kind.POD),
    "Service": ("v1", Kind.SERVICE),
    "EndpointSlice": ("discovery.k8s.io/v1", Kind.ENDPOINT_SLICE),
    "Deployment": ("apps/v1", Kind.WORKLOAD),
    "ReplicaSet": ("apps/v1", Kind.WORKLOAD),
    "StatefulSet": ("apps/v1", Kind.WORKLOAD),
    "NodeMetrics": ("metrics.k8s.io/v1beta1", Kind.NODE_METRICS),
    "PodMetrics": ("metrics.k8s.io/v1beta1", Kind.POD_METRICS),
    "NodeConfig": ("node.waok8s.github.io/v1beta1", Kind.NODE_CONFIG),
    "NodeConfigTemplate": ("node.waok8s.github.io/v1beta1", Kind.NODE_CONFIG_TEMPLATE),
}
METRICS = (Kind.NODE_METRICS, Kind.POD_METRICS)
UNDATED = "1970-01-01T00:00:00Z"
"""Stands for "now": a figure written without a timestamp holds for as long as the file says so."""


def documents(path: Path, shown: str) -> list[tuple[int, Mapping[str, Any]]]:
    """Return the documents of a file with their numbers, lists unfolded.

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
    except (OSError, UnicodeDecodeError, RecursionError) as error:
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
    if path.suffix == ".json":  # fifty times quicker than as YAML, which it is too
        try:
            return [msgspec.json.decode(text)]
        except msgspec.DecodeError:
            pass  # several documents, or what only YAML takes
    return list(yaml.load_all(text, Loader=_LOADER))


_LOADER: Any = type("Loader", (getattr(yaml, "CSafeLoader", yaml.SafeLoader),), {})
"""YAML without its timestamps: the API has them as text."""
_LOADER.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in _LOADER.yaml_implicit_resolvers.items()
}


def record_of(document: Mapping[str, Any]) -> tuple[Kind, Record] | None:
    """Return kind and record of a document, None for a kind that is not used."""
    kind, version = document.get("kind"), document.get("apiVersion")
    if not isinstance(kind, str) or not isinstance(version, str):
        raise ManifestError(
            "apiVersion and kind are needed", field="kind" if not isinstance(kind, str) else "apiVersion"
        )
    if kind not in KINDS:
        return None
    expected, record_kind = KINDS[kind]
    if version != expected:
        raise ManifestError(
            f"{version!r:.60} is not a version of {kind} that is read: write {expected}", field="apiVersion"
        )
    metadata = document.get("metadata")
    if not isinstance(metadata, Mapping) or not isinstance(metadata.get("name"), str) or not metadata["name"]:
        raise ManifestError("the object needs a name", field="metadata.name")
    if record_kind in METRICS and "timestamp" not in document:
        document = {**document, "timestamp": UNDATED}
    return record_kind, decode_object(record_kind, document)


def secret_of(document: Mapping[str, Any]) -> tuple[str, Mapping[str, bytes]]:
    """Return "namespace/name" and the data of a Secret document.

    Raises
    ------
    ManifestError
        A value under `data` is not base64.
    """
    metadata = document.get("metadata") or {}
    name = f"{metadata.get('namespace') or 'default'}/{metadata.get('name')}"
    data = {key: str(value).encode() for key, value in (document.get("stringData") or {}).items()}
    for key, value in (document.get("data") or {}).items():
        try:
            data[key] = base64.b64decode(str(value), validate=True)
        except ValueError:
            raise ManifestError("not base64: write plain text under stringData instead", field=f"data.{key}") from None
    return name, data
