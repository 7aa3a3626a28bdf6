"""OpenAPI documents, small but true: the aggregator fetches them every minute and logs an error at a 404. Pure."""

from __future__ import annotations

import hashlib
from functools import cache

from wao_metrics_api.discovery import Document
from wao_metrics_api.names import GROUP, VERSIONS

_TITLE = "wao-metrics-api"


@cache
def openapi_v2() -> Document:
    """Return the Swagger 2.0 document: no paths, as clients need none to read metrics."""
    return Document.of({"swagger": "2.0", "info": {"title": _TITLE, "version": "v0"}, "paths": {}, "definitions": {}})


@cache
def openapi_v3_index() -> Document:
    """Return the index of the OpenAPI 3 documents, each address with the hash of its document."""
    paths = {}
    for version in VERSIONS:
        digest = hashlib.sha512(openapi_v3(version).body).hexdigest().upper()
        path = f"apis/{GROUP}/{version}"
        paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
    return Document.of({"paths": paths})


@cache
def openapi_v3(version: str) -> Document:
    """Return the OpenAPI 3 document of one version."""
    root = f"/apis/{GROUP}/{version}"
    paths = {
        f"{root}/": {"get": _operation("List the metrics there are.", "APIResourceList", version, ())},
        f"{root}/nodes/{{name}}/{{metric}}": {
            "get": _operation(
                "Read a metric of one node, or of all nodes by the name *.",
                "MetricValueList",
                version,
                ("name", "metric"),
            )
        },
        f"{root}/namespaces/{{namespace}}/nodes/{{name}}/{{metric}}": {
            "get": _operation(
                "The same by a namespaced path, which the HorizontalPodAutoscaler uses for every kind of object.",
                "MetricValueList",
                version,
                ("namespace", "name", "metric"),
            )
        },
    }
    return Document.of(
        {"openapi": "3.0.0", "info": {"title": _TITLE, "version": "v0"}, "paths": paths, "components": {"schemas": {}}}
    )


def _operation(description: str, kind: str, version: str, path: tuple[str, ...]) -> dict[str, object]:
    parameters = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in path]
    if path:
        parameters += [
            {"name": name, "in": "query", "schema": {"type": "string"}}
            for name in ("labelSelector", "metricLabelSelector")
        ]
    return {
        "description": description,
        "tags": [f"customMetrics_{version}"],
        "parameters": parameters,
        "responses": {"200": {"description": kind, "content": {"application/json": {"schema": {"type": "object"}}}}},
        "x-kubernetes-action": "get",
    }


def not_modified(document: Document, if_none_match: str) -> bool:
    """Whether a client that holds these ETags has the document already."""
    held = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return document.etag in held or "*" in held
