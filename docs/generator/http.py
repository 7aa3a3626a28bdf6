"""The page of the HTTP APIs: what is not JSON for people by hand, the rest from the OpenAPI documents. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docs.generator.markdown import code, page, sentence, table

Document = Mapping[str, Any]

INTRODUCTION = """\
All servers use TLS, and serve `/healthz`, `/livez`, `/readyz` and `/metrics`. A server with an API under `/v1/` has
an OpenAPI document at `/openapi.json`. An error has a status of 400 or above and the body `{"error": "..."}`."""
METRICS_API = """\
An aggregated Kubernetes API. The API server forwards requests of authorized users to it. The group
`metrics.waok8s.github.io`, version `v1beta2`, has the same paths and metrics; the parts of WAO read it.

| path | description |
|---|---|
| `GET /apis/custom.metrics.k8s.io` | Discovery of the group. |
| `GET /apis/custom.metrics.k8s.io/v1beta2` | Discovery of the metrics; `v1beta1` is served too. |
| `GET /apis/custom.metrics.k8s.io/v1beta2/nodes/NAME/METRIC` | One metric of one node, as MetricValueList. |
| `GET /apis/custom.metrics.k8s.io/v1beta2/nodes/*/METRIC` | One metric of all nodes; optional `?labelSelector=`. |
| `GET /openapi/v2`, `GET /openapi/v3` | OpenAPI documents in the form of Kubernetes. |

METRIC is `inlet_temp` (degrees Celsius), `delta_p` (pascal), `power_watts`, `predicted_watts` (watts) or `cpu_usage`
(percent of the node's capacity). All errors of this server are `metav1.Status`. Paths outside of `/apis` need the right
`get` on the non-resource URL."""
EXTENDER = """\
| path | description |
|---|---|
| `POST /filter`, `POST /PROFILE/filter` | ExtenderArgs to ExtenderFilterResult: remove nodes by limits and spreading. |
| `POST /prioritize`, `POST /PROFILE/prioritize` | ExtenderArgs to HostPriorityList: score nodes by watts. |"""
WEIGHTS = """\
| path | description |
|---|---|
| `POST /v3/discovery:endpoints` | Endpoint discovery of Envoy (REST xDS). |
| TCP, `--agent-check-port` | Agent checks of HAProxy. |"""
REBALANCER = "[Rebalancing](../rebalancing.md) explains what a plan contains."
STANDBY = """\
`wao standby plan` reads it. A replica that does not lead answers 503."""
AGENT = """\
## Node agent (`wao lb-agent`)

`/healthz` and `/livez` have the form of kube-proxy: status 200 or 503, and JSON with the last synchronization and the
source of the weights. `/healthz` is for load balancers and has the reason of a failure: the Node is about to be
deleted, no Node has the name given by `--node-name`, or changes do not reach the kernel."""


def http_page(documents: Mapping[str, Document]) -> str:
    """Return the page for the servers' OpenAPI documents by command."""
    return page(
        "HTTP APIs",
        INTRODUCTION,
        _api("Metrics API (`wao metrics-api`)", METRICS_API, documents["metrics-api"]),
        _api("Scheduler extender (`wao scheduler`)", EXTENDER, documents["scheduler"]),
        _api("Weight service (`wao lb`)", WEIGHTS, documents["lb"]),
        _api("Rebalancer (`wao rebalance`)", REBALANCER, documents["rebalance"]),
        _api("Standby controller (`wao standby controller`)", STANDBY, documents.get("standby", {})),
        AGENT,
    )


def _api(title: str, plain: str, document: Document) -> str:
    routes = [
        _operation(method, path, operation)
        for path, operations in document.get("paths", {}).items()
        for method, operation in operations.items()
    ]
    schemas = document.get("components", {}).get("schemas", {})
    bodies = [_schema(name, schema) for name, schema in sorted(schemas.items()) if schema.get("properties")]
    heading = f"### JSON bodies of the {title[:1].lower()}{title[1:].partition(' (')[0]}"
    return "\n\n".join([f"## {title}", plain, *routes, *([heading, *bodies] if bodies else [])])


def _schema(name: str, schema: Document) -> str:
    about = " ".join(schema.get("description", "").split())
    return f"{code(name)}: {about}\n\n{_fields(schema)}" if about else f"{code(name)}:\n\n{_fields(schema)}"


def _operation(method: str, path: str, operation: Document) -> str:
    described = operation.get("description") or operation.get("summary", "")
    parameters = [
        [code(item["name"]), item["in"], item.get("description", "")] for item in operation.get("parameters", [])
    ]
    answers = ", ".join(code(status) + _body(answer) for status, answer in sorted(operation["responses"].items()))
    request = operation.get("requestBody", {})
    inline = request.get("content", {}).get("application/json", {}).get("schema", {})
    return "\n\n".join(
        filter(
            None,
            [
                f"### {method.upper()} {path}",
                sentence(described),
                table(["parameter", "in", "description"], parameters),
                f"Request:{_body(request)}." if _body(request) else "",
                f"Request:\n\n{_fields(inline)}" if inline.get("properties") else "",
                f"Responses: {answers}." if answers else "",
            ],
        )
    )


def _body(part: Document) -> str:
    schema = part.get("content", {}).get("application/json", {}).get("schema", {})
    name = schema.get("$ref", "").rpartition("/")[2]
    return f" {code(name)}" if name else ""


def _fields(schema: Document) -> str:
    required = schema.get("required", [])
    rows = [
        [f"**{code(name)}**" if name in required else code(name), _type(item), item.get("description", "")]
        for name, item in schema["properties"].items()
    ]
    return table(["field", "type", "description"], rows)


def _type(item: Document) -> str:
    if "anyOf" in item:
        return " or ".join(_type(each) for each in item["anyOf"])
    if "$ref" in item:
        return code(item["$ref"].rpartition("/")[2])
    if item.get("type") == "array":
        return f"list of {_type(item.get('items') or {})}"
    return str(item.get("type", "any"))
