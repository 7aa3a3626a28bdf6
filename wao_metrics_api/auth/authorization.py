"""Authorisation: the attributes of a request, and whether the RBAC of the cluster allows it (SubjectAccessReview)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Protocol

from wao_core.serving.status import StatusError
from wao_metrics_api.auth.identity import MASTERS, User
from wao_metrics_api.names import GROUP

ALWAYS_ALLOWED = frozenset({"/healthz", "/livez", "/readyz"})
_VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class Attributes:
    """The attributes of a request: a resource of our group, or a path if `resource` is empty."""

    verb: str
    path: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    namespace: str = ""

    @property
    def length(self) -> int:
        """Characters of all fields."""
        return sum(len(getattr(self, field.name)) for field in fields(self))


@dataclass(frozen=True, slots=True)
class AccessDecision:
    """Whether a request is allowed, and the reason."""

    allowed: bool
    reason: str = ""


class AccessReviewer(Protocol):
    """Decides what users may do."""

    async def review_access(self, user: User, attributes: Attributes) -> AccessDecision:
        """Return the decision; raise `WaoError` when the review fails."""
        ...


class AuthenticatedOnly:
    """The rule without a cluster: every authenticated user may read."""

    async def review_access(self, user: User, attributes: Attributes) -> AccessDecision:
        """Allow every user but the anonymous one."""
        if user.name == "system:anonymous":
            return AccessDecision(
                False, "anonymous requests are not allowed here: send a bearer token or a certificate"
            )
        return AccessDecision(True)


def attributes_of(method: str, path: str) -> Attributes:
    """Return the attributes of a request, as RequestInfo of k8s.io/apiserver does."""
    parts = path.strip("/").split("/")
    if parts[:2] != ["apis", GROUP] or len(parts) < 4:
        return Attributes(method.lower(), path=path)
    version, *rest = parts[2:]
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    resource, name, *more = [*rest, ""] if len(rest) == 1 else rest
    verb = _VERBS.get(method, method.lower())
    if verb == "get" and not name:
        verb = "list"
    return Attributes(verb, "", version, resource, more[0] if more else "", name, namespace)


def review_spec(user: User, attributes: Attributes) -> dict[str, object]:
    """Return the spec of a SubjectAccessReview."""
    spec: dict[str, object] = {}
    if attributes.resource:
        wanted = {
            "namespace": attributes.namespace,
            "verb": attributes.verb,
            "group": GROUP,
            "version": attributes.version,
            "resource": attributes.resource,
            "subresource": attributes.subresource,
            "name": attributes.name,
        }
        spec["resourceAttributes"] = {key: value for key, value in wanted.items() if value}
    else:
        spec["nonResourceAttributes"] = {"path": attributes.path, "verb": attributes.verb}
    spec["user"] = user.name
    if user.groups:
        spec["groups"] = list(user.groups)
    if user.extra:
        spec["extra"] = {key: list(values) for key, values in user.extra}
    if user.uid:
        spec["uid"] = user.uid
    return spec


async def authorize(reviewer: AccessReviewer, user: User, attributes: Attributes) -> None:
    """Return if the request is allowed; raise `StatusError` 403 otherwise."""
    if attributes.path in ALWAYS_ALLOWED or MASTERS in user.groups:
        return
    decision = await reviewer.review_access(user, attributes)
    if not decision.allowed:
        raise forbidden(user, attributes, decision.reason)


def forbidden(user: User, attributes: Attributes, reason: str) -> StatusError:
    """Return the 403 with the message of an API server."""
    tail = f": {reason}" if reason else ""
    if not attributes.resource:
        message = f'forbidden: User "{user.name}" cannot {attributes.verb} path "{attributes.path}"{tail}'
        return StatusError(403, message, details={})
    resource = attributes.resource + (f"/{attributes.subresource}" if attributes.subresource else "")
    scope = f'in the namespace "{attributes.namespace}"' if attributes.namespace else "at the cluster scope"
    named = f' "{attributes.name}"' if attributes.name else ""
    message = (
        f'{attributes.resource}.{GROUP}{named} is forbidden: User "{user.name}" cannot {attributes.verb} resource '
        f'"{resource}" in API group "{GROUP}" {scope}{tail}'
    )
    details: Mapping[str, object] = {"name": attributes.name, "group": GROUP, "kind": attributes.resource}
    return StatusError(403, message, details={key: value for key, value in details.items() if value})
