"""Authentication: front proxy, then client certificate, then bearer token, then anonymous.

The order and the outcomes are those of k8s.io/apiserver's delegating authenticator. A credential that is shown and is
invalid is refused; such a request never becomes anonymous.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote

from wao_core.serving.peercert import TlsPeer
from wao_core.serving.status import StatusError
from wao_metrics_api.auth.identity import ANONYMOUS, User
from wao_metrics_api.auth.trust import Trust

Headers = Iterable[tuple[bytes, bytes]]
MAX_TOKEN = 16 * 1024


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request shows: its connection's certificate and its headers."""

    peer: TlsPeer | None
    headers: Mapping[str, tuple[str, ...]]  # names in lower case

    @classmethod
    def of(cls, peer: TlsPeer | None, headers: Headers) -> Credentials:
        """Collect the headers that can matter."""
        chosen: dict[str, tuple[str, ...]] = {}
        for raw, value in headers:
            if raw == b"authorization" or raw.startswith(b"x-"):
                name = raw.decode("latin-1")
                chosen[name] = (*chosen.get(name, ()), value.decode("latin-1"))
        return cls(peer, chosen)


class TokenReviewer(Protocol):
    """Knows whose a bearer token is."""

    async def review_token(self, token: str) -> User | None:
        """Return the user, None for an invalid token; raises `WaoError` when that cannot be found out."""
        ...


class Authenticator:
    """Finds the user of a request.

    Parameters
    ----------
    trust
        Returns the authorities that are trusted now; asked for every request, so a removed one counts at once.
    tokens
        Judges bearer tokens; None refuses all.
    """

    def __init__(self, trust: Callable[[], Trust], tokens: TokenReviewer | None = None) -> None:
        self._trust, self._tokens = trust, tokens

    async def authenticate(self, credentials: Credentials) -> User:
        """Return the user, anonymous when nothing was shown; raises `StatusError` 401."""
        trust = self._trust()
        user = front_proxy_user(trust, credentials) or certificate_user(trust, credentials.peer)
        if user is not None:
            return user.authenticated()
        token = bearer_token(credentials)
        if token is not None and self._tokens is not None and len(token) <= MAX_TOKEN:
            user = await self._tokens.review_token(token)
            if user is not None:
                return user.authenticated()
        if token is None and credentials.peer is None:
            return ANONYMOUS
        raise StatusError(401, "Unauthorized")


def front_proxy_user(trust: Trust, credentials: Credentials) -> User | None:
    """Return the user that a verified front proxy speaks for, None when no such proxy is speaking."""
    peer, headers = credentials.peer, credentials.headers
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
    """Return the user that a client certificate names: the common name, its organisations as groups."""
    if peer is None or peer.root not in trust.client_roots or not peer.common_name:
        return None
    credential = ("authentication.kubernetes.io/credential-id", (f"X509SHA256={peer.leaf}",))
    return User(peer.common_name, peer.organisations, extra=(credential,))


def bearer_token(credentials: Credentials) -> str | None:
    """Return the token of the Authorization header, None when the header has another scheme or is absent."""
    scheme, _, token = credentials.headers.get("authorization", ("",))[0].strip().partition(" ")
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
