"""Discovery documents, legacy and aggregated (k8s.io/api/apidiscovery/v2). Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from wao_metrics_api.names import GROUP, RESOURCE, VERSIONS


@dataclass(frozen=True, slots=True)
class Document:
    """A prebuilt body and its ETag."""

    body: bytes
    etag: str

    @classmethod
    def of(cls, value: object) -> Document:
        """Return the document of a value: compact JSON with a final newline."""
        body = msgspec.json.encode(value) + b"\n"
        return cls(body, f'"{hashlib.sha512(body).hexdigest().upper()}"')


@dataclass(frozen=True, slots=True)
class Discovery:
    """All discovery documents for one set of metric names."""

    groups: Document
    group: Document
    resources: dict[str, Document]  # by version
    aggregated: Document


def discovery(metrics: Sequence[str]) -> Discovery:
    """Return the documents that announce these node metrics."""
    names = sorted(set(metrics))
    return Discovery(
        groups=Document.of({"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group()]}),
        group=Document.of({"kind": "APIGroup", "apiVersion": "v1", **_group()}),
        resources={version: Document.of(_resource_list(version, names)) for version in VERSIONS},
        aggregated=Document.of(_aggregated(names)),
    )


def _group() -> dict[str, object]:
    versions = [{"groupVersion": f"{GROUP}/{version}", "version": version} for version in VERSIONS]
    return {"name": GROUP, "versions": versions, "preferredVersion": versions[0]}


def _resource_list(version: str, names: Sequence[str]) -> dict[str, object]:
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{GROUP}/{version}",
        "resources": [
            {
                "name": f"{RESOURCE}/{name}",
                "singularName": "",
                "namespaced": False,
                "kind": "MetricValueList",
                "verbs": ["get"],
            }
            for name in names
        ],
    }


def _aggregated(names: Sequence[str]) -> dict[str, object]:
    resource = {
        "resource": RESOURCE,
        # not null, which old clients cannot decode
        "responseKind": {"group": "", "version": "", "kind": ""},
        "scope": "Cluster",
        "singularResource": "",
        "verbs": [],
        "subresources": [
            {
                "subresource": name,
                "responseKind": {"group": "", "version": "", "kind": "MetricValueList"},
                "verbs": ["get"],
            }
            for name in names
        ],
    }
    versions = [{"version": version, "freshness": "Current", "resources": [resource]} for version in VERSIONS]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [{"metadata": {"name": GROUP}, "versions": versions}],
    }
