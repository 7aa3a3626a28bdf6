"""Discovery documents, legacy and aggregated (k8s.io/api/apidiscovery/v2). Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import msgspec

from wao_metrics_api.names import GROUP_VERSIONS, GROUPS, RESOURCE, GroupVersion


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


@dataclass(frozen=True, slots=True, order=True)
class MetricResource:
    """One entry of an APIResourceList, such as "nodes/inlet_temp"."""

    name: str
    namespaced: bool = False


@dataclass(frozen=True, slots=True)
class Discovery:
    """All discovery documents for one set of metrics."""

    groups: Document
    group: dict[str, Document]  # by group
    resources: dict[GroupVersion, Document]
    aggregated: Document


def discovery(metrics: Sequence[str], more: Mapping[GroupVersion, Sequence[MetricResource]] | None = None) -> Discovery:
    """Return the documents that announce these node metrics in every group, and more resources in some versions."""
    ours = [MetricResource(f"{RESOURCE}/{name}") for name in sorted(set(metrics))]
    listed = {api: _merged(ours, (more or {}).get(api, ())) for api in GROUP_VERSIONS}
    return Discovery(
        groups=Document.of({"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name) for name in GROUPS]}),
        group={name: Document.of({"kind": "APIGroup", "apiVersion": "v1", **_group(name)}) for name in GROUPS},
        resources={api: Document.of(_resource_list(api, resources)) for api, resources in listed.items()},
        aggregated=Document.of(_aggregated(listed)),
    )


def _merged(ours: Sequence[MetricResource], more: Sequence[MetricResource]) -> list[MetricResource]:
    """Return all resources, each name once; a kind of object has one scope, or clients refuse the whole version."""
    scopes = {_described(item): item.namespaced for item in (*reversed(more), *ours)}
    return sorted({item for item in (*more, *ours) if scopes[_described(item)] is item.namespaced})


def _described(resource: MetricResource) -> str:
    return resource.name.partition("/")[0]


def _group(name: str) -> dict[str, object]:
    versions = [{"groupVersion": f"{name}/{version}", "version": version} for version in GROUPS[name]]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def _resource_list(api: GroupVersion, resources: Sequence[MetricResource]) -> dict[str, object]:
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": str(api),
        "resources": [
            {
                "name": resource.name,
                "singularName": "",
                "namespaced": resource.namespaced,
                "kind": "MetricValueList",
                "verbs": ["get"],
            }
            for resource in resources
        ],
    }


def _aggregated(listed: Mapping[GroupVersion, Sequence[MetricResource]]) -> dict[str, object]:
    items = []
    for group, versions in GROUPS.items():
        documents = [
            {
                "version": version,
                "freshness": "Current",
                "resources": _aggregated_resources(listed[GroupVersion(group, version)]),
            }
            for version in versions
        ]
        items.append({"metadata": {"name": group}, "versions": documents})
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    }


def _aggregated_resources(resources: Sequence[MetricResource]) -> list[dict[str, object]]:
    return [
        {
            "resource": described,
            # not null, which old clients cannot decode
            "responseKind": {"group": "", "version": "", "kind": ""},
            "scope": "Namespaced" if members[0].namespaced else "Cluster",
            "singularResource": "",
            "verbs": [],
            "subresources": [
                {
                    "subresource": member.name.partition("/")[2],
                    "responseKind": {"group": "", "version": "", "kind": "MetricValueList"},
                    "verbs": ["get"],
                }
                for member in members
            ],
        }
        for described, members in ((key, list(group)) for key, group in groupby(resources, _described))
    ]
