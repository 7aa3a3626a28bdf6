"""What a request to the metrics API wants, for its authorisation. Pure."""

from __future__ import annotations

from wao_core.serving.auth.authorization import Attributes
from wao_metrics_api.names import GROUPS

_VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def attributes_of(method: str, path: str) -> Attributes:
    """Return the attributes of a request, as RequestInfo of k8s.io/apiserver does."""
    parts = path.strip("/").split("/")
    if len(parts) < 4 or parts[0] != "apis" or parts[1] not in GROUPS:
        return Attributes(method.lower(), path=path)
    group, version, *rest = parts[1:]
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    resource, name, *more = [*rest, ""] if len(rest) == 1 else rest
    verb = _VERBS.get(method, method.lower())
    if verb == "get" and not name:
        verb = "list"
    return Attributes(verb, "", version, resource, more[0] if more else "", name, namespace, group)
