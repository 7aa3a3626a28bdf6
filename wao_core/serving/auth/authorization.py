"""Authorisation: the attributes of a request, and the review of whether the RBAC of the cluster allows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Protocol

from wao_core.serving.auth.identity import MASTERS, User
from wao_core.serving.status import StatusError

ALWAYS_ALLOWED = frozenset({"/healthz", "/livez", "/readyz"})


@dataclass(frozen=True, slots=True)
class Attributes:
    """The attributes of a request: a resource of an API group, or a path if `resource` is empty."""

    verb: str
    path: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    namespace: str = ""
    group: str = ""

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


def review_spec(user: User, attributes: Attributes) -> dict[str, object]:
    """Return the spec of a SubjectAccessReview."""
    spec: dict[str, object] = {}
    if attributes.resource:
        wanted = {
            "namespace": attributes.namespace,
            "verb": attributes.verb,
            "group": attributes.group,
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
        f'{attributes.resource}.{attributes.group}{named} is forbidden: User "{user.name}" cannot {attributes.verb} '
        f'resource "{resource}" in API group "{attributes.group}" {scope}{tail}'
    )
    details: Mapping[str, object] = {
        "name": attributes.name,
        "group": attributes.group,
        "kind": attributes.resource,
    }
    return StatusError(403, message, details={key: value for key, value in details.items() if value})
