"""Authentication: front proxy, then client certificate, then bearer token, then anonymous.

Order and outcomes are those of the delegating authenticator in k8s.io/apiserver. A request with an invalid credential
is refused; it never becomes anonymous.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote

from wao_core.serving.auth.identity import ANONYMOUS, User
from wao_core.serving.auth.trust import Trust
from wao_core.serving.peercert import TlsPeer
from wao_core.serving.status import StatusError

Headers = Iterable[tuple[bytes, bytes]]
MAX_TOKEN = 16 * 1024
REMEMBERED = 1024  # users of proxies and certificates, so that the headers are not parsed for every request
LONGEST_REMEMBERED = 8192
"""Bytes of the headers of a request whose user is remembered: clients choose them."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of a request: the certificate of its connection, and the relevant headers."""

    peer: TlsPeer | None
    raw: tuple[tuple[bytes, bytes], ...]

    @classmethod
    def of(cls, peer: TlsPeer | None, headers: Headers) -> Credentials:
        """Return the credentials with the headers that may contain one."""
        return cls(peer, tuple(pair for pair in headers if pair[0] == b"authorization" or pair[0][:2] == b"x-"))

    @property
    def size(self) -> int:
        """Bytes of the headers."""
        return sum(len(name) + len(value) for name, value in self.raw)

    def headers(self) -> dict[str, tuple[str, ...]]:
        """Return all header values by lower-case name."""
        found: dict[str, list[str]] = {}
        for raw, value in self.raw:
            found.setdefault(raw.decode("latin-1"), []).append(value.decode("latin-1"))
        return {name: tuple(values) for name, values in found.items()}


class TokenReviewer(Protocol):
    """Finds the user of a bearer token."""

    async def review_token(self, token: str) -> User | None:
        """Return the user, or None for an invalid token; raise `WaoError` when the review fails."""
        ...


class Authenticator:
    """Finds the user of a request.

    Parameters
    ----------
    trust
        Returns the current authorities. It is called for every request, so that a removed one is refused at once.
    tokens
        Reviews bearer tokens; None refuses all.
    """

    def __init__(self, trust: Callable[[], Trust], tokens: TokenReviewer | None = None) -> None:
        self._trust, self._tokens = trust, tokens
        self._known_trust: Trust | None = None
        self._known: dict[Credentials, User] = {}

    @property
    def remembered(self) -> Collection[Credentials]:
        """The credentials whose user is known without parsing them again."""
        return self._known.keys()

    async def authenticate(self, credentials: Credentials) -> User:
        """Return the user, anonymous for a request without credentials; raise `StatusError` 401."""
        user = self._certified(credentials)
        if user is not None:
            return user
        token = bearer_token(credentials.headers())
        if token is not None and self._tokens is not None and len(token) <= MAX_TOKEN:
            user = await self._tokens.review_token(token)
            if user is not None:
                return user.authenticated()
        if token is None and credentials.peer is None:
            return ANONYMOUS
        raise StatusError(401, "Unauthorized")

    def _certified(self, credentials: Credentials) -> User | None:
        """Return the user by certificate: a pure function of trust and credentials, so it is cached."""
        if credentials.peer is None:
            return None
        trust = self._trust()
        if trust is not self._known_trust or len(self._known) > REMEMBERED:
            self._known_trust, self._known = trust, {}
        user = self._known.get(credentials)
        if user is None:
            user = front_proxy_user(trust, credentials) or certificate_user(trust, credentials.peer)
            if user is not None:
                user = user.authenticated()
                if credentials.size <= LONGEST_REMEMBERED:
                    self._known[credentials] = user
        return user


def front_proxy_user(trust: Trust, credentials: Credentials) -> User | None:
    """Return the user that a verified front proxy names, or None if the peer is not such a proxy."""
    peer, headers = credentials.peer, credentials.headers()
    if peer is None or peer.root not in trust.proxy_roots or not trust.is_proxy_name(peer.common_name):
        return None
    name = next((headers[key][0] for key in trust.user_headers if headers.get(key, ("",))[0]), "")
    if not name:
        return None
    return User(
        name,
        tuple(group for key in trust.group_headers for group in headers.get(key, ())),
        next((headers[key][0] for key in trust.uid_headers if key in headers), ""),
        _extra(trust, headers),
    )


def certificate_user(trust: Trust, peer: TlsPeer | None) -> User | None:
    """Return the user of a client certificate: its common name, with its organisations as groups; or None."""
    if peer is None or peer.root not in trust.client_roots or not peer.common_name:
        return None
    credential = ("authentication.kubernetes.io/credential-id", (f"X509SHA256={peer.leaf}",))
    return User(peer.common_name, peer.organisations, extra=(credential,))


def bearer_token(headers: Mapping[str, tuple[str, ...]]) -> str | None:
    """Return the token of the Authorization header, or None without one."""
    scheme, _, token = headers.get("authorization", ("",))[0].strip().partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and token else None


def _extra(trust: Trust, headers: Mapping[str, tuple[str, ...]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found: dict[str, tuple[str, ...]] = {}
    for name, values in headers.items():
        for prefix in trust.extra_prefixes:
            if name.startswith(prefix):
                key = unquote(name.removeprefix(prefix)).lower()
                found[key] = (*found.get(key, ()), *values)
    return tuple(sorted(found.items()))
