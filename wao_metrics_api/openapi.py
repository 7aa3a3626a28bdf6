"""OpenAPI documents of the groups, for the aggregator: it reads them every minute and logs an error for a 404. Pure."""

from __future__ import annotations

import hashlib
from functools import cache

from wao_metrics_api.discovery import Document
from wao_metrics_api.names import GROUP_VERSIONS, GroupVersion

_TITLE = "wao-metrics-api"


@cache
def openapi_v2() -> Document:
    """Return the Swagger 2.0 document; it has no paths, as clients need none to read metrics."""
    return Document.of({"swagger": "2.0", "info": {"title": _TITLE, "version": "v0"}, "paths": {}, "definitions": {}})


@cache
def openapi_v3_index() -> Document:
    """Return the index of the OpenAPI 3 documents; each URL has the hash of its document."""
    paths = {}
    for api in GROUP_VERSIONS:
        digest = hashlib.sha512(openapi_v3(api).body).hexdigest().upper()
        path = f"apis/{api}"
        paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
    return Document.of({"paths": paths})


@cache
def openapi_v3(api: GroupVersion) -> Document:
    """Return the OpenAPI 3 document of one version."""
    root = f"/apis/{api}"
    paths = {
        f"{root}/": {"get": _operation("List the metrics.", "APIResourceList", api, ())},
        f"{root}/nodes/{{name}}/{{metric}}": {
            "get": _operation(
                "Read a metric of one node, or of all nodes with the name *.",
                "MetricValueList",
                api,
                ("name", "metric"),
            )
        },
        f"{root}/namespaces/{{namespace}}/nodes/{{name}}/{{metric}}": {
            "get": _operation(
                "The same on a namespaced path, which the HorizontalPodAutoscaler uses for every kind of object.",
                "MetricValueList",
                api,
                ("namespace", "name", "metric"),
            )
        },
    }
    return Document.of(
        {"openapi": "3.0.0", "info": {"title": _TITLE, "version": "v0"}, "paths": paths, "components": {"schemas": {}}}
    )


def _operation(description: str, kind: str, api: GroupVersion, path: tuple[str, ...]) -> dict[str, object]:
    parameters = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in path]
    if path:
        parameters += [
            {"name": name, "in": "query", "schema": {"type": "string"}}
            for name in ("labelSelector", "metricLabelSelector")
        ]
    return {
        "description": description,
        "tags": [f"customMetrics_{api.version}"],
        "parameters": parameters,
        "responses": {"200": {"description": kind, "content": {"application/json": {"schema": {"type": "object"}}}}},
        "x-kubernetes-action": "get",
    }


def not_modified(document: Document, if_none_match: str) -> bool:
    """Return whether the ETags of a client include that of the document."""
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return document.etag in known or "*" in known
