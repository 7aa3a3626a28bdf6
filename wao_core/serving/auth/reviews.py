"""Reviews by the API server, cached: TokenReview for tokens, SubjectAccessReview for rights.

Without a usable answer within `DEADLINE` the request is refused: `SourceError`, never a permission.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Any, Generic, TypeVar

import msgspec
from cachetools import TTLCache

from wao_core.errors import SourceError
from wao_core.kube.client import KubeClient
from wao_core.kube.resources import api_path
from wao_core.serving.auth.authorization import AccessDecision, Attributes, review_spec
from wao_core.serving.auth.identity import User
from wao_predict.backoff import Backoff
from wao_predict.json_values import NOT_JSON

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
LIFETIME = 10.0  # seconds that an answer is used, positive or negative
TRIES = 5
DEADLINE = 10.0  # seconds for all tries together
LONGEST_KEPT = 10_000
"""Characters of a request's attributes above which the answer is not cached, as in k8s.io/apiserver (webhook.go)."""


class _UserInfo(msgspec.Struct):
    username: str = ""
    uid: str | None = None
    groups: tuple[str, ...] | None = None
    extra: dict[str, tuple[str, ...] | None] | None = None

    def user(self) -> User | None:
        extra = tuple(sorted((key.lower(), values or ()) for key, values in (self.extra or {}).items()))
        return User(self.username, self.groups or (), self.uid or "", extra) if self.username else None


class _Status(msgspec.Struct):
    authenticated: bool = False
    user: _UserInfo | None = None
    allowed: bool = False
    denied: bool = False
    reason: str = ""


class _Review(msgspec.Struct):
    status: _Status | None


_decode = msgspec.json.Decoder(_Review).decode


class KubeReviews:
    """Reviews tokens and rights by requests to the API server. Answers are cached for ten seconds, failures are not.

    Parameters
    ----------
    deadline
        Seconds for all tries of one review.
    backoff
        Makes the back-off between two tries.
    """

    def __init__(
        self, client: KubeClient, *, deadline: float = DEADLINE, backoff: Callable[[], Backoff] = Backoff
    ) -> None:
        self._client, self._deadline, self._backoff = client, deadline, backoff
        self._tokens: ReviewCache[bytes, User | None] = ReviewCache()
        self._access: ReviewCache[tuple[User, Attributes], AccessDecision] = ReviewCache()

    async def review_token(self, token: str) -> User | None:
        """Return the user of a token, or None for an invalid token. Only the hash of the token is kept.

        Raises
        ------
        SourceError
            The API server gave no usable answer in time.
        """
        digest = hashlib.sha256(token.encode()).digest()
        return await self._tokens.get(digest, lambda: self._token_review(token))

    async def review_access(self, user: User, attributes: Attributes) -> AccessDecision:
        """Return whether the rules of the cluster allow it; errors as in `review_token`."""
        if attributes.length > LONGEST_KEPT:  # clients choose them, even without any right
            return await self._access_review(user, attributes)
        return await self._access.get((user, attributes), lambda: self._access_review(user, attributes))

    async def _token_review(self, token: str) -> User | None:
        status = await self._post("authentication.k8s.io/v1", "TokenReview", {"token": token})
        # refusals may name a user too: only `authenticated` makes it valid
        return status.user.user() if status.authenticated and status.user is not None else None

    async def _access_review(self, user: User, attributes: Attributes) -> AccessDecision:
        status = await self._post("authorization.k8s.io/v1", "SubjectAccessReview", review_spec(user, attributes))
        return AccessDecision(status.allowed and not status.denied, status.reason)

    async def _post(self, api_version: str, kind: str, spec: Mapping[str, object]) -> _Status:
        body: dict[str, Any] = {"kind": kind, "apiVersion": api_version, "metadata": {}, "spec": spec}
        path, backoff = api_path(api_version, f"{kind.lower()}s"), self._backoff()
        reason = "no answer in time"
        try:
            async with asyncio.timeout(self._deadline):
                for _ in range(TRIES):
                    try:
                        return _decode(await self._client.send("POST", path, body=body)).status or _Status()
                    except NOT_JSON as error:
                        reason = str(error)
                    except SourceError as error:
                        reason = str(error)
                        if not _is_transient(error):
                            break
                    await asyncio.sleep(backoff.next())
        except TimeoutError:
            pass
        raise SourceError(f"the API server did not answer the {kind}: {reason}")


class ReviewCache(Generic[K, V]):
    """Caches answers for a while; concurrent callers that need the same answer share one request."""

    def __init__(self, *, size: int = 4096, lifetime: float = LIFETIME) -> None:
        self._answers: TTLCache[K, V] = TTLCache(size, lifetime)
        self._pending: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K, request: Callable[[], Awaitable[V]]) -> V:
        """Return the answer for `key`, from `request` when it is not cached."""
        try:
            return self._answers[key]
        except KeyError:
            pass
        task = self._pending.get(key)
        if task is None:
            task = asyncio.ensure_future(_await(request))
            self._pending[key] = task
            task.add_done_callback(lambda done: self._finish(key, done))
        # shielded: a client that disconnects must not cancel the request of the others
        return await asyncio.shield(task)

    def _finish(self, key: K, task: asyncio.Task[V]) -> None:
        self._pending.pop(key, None)
        if not task.cancelled() and task.exception() is None:
            self._answers[key] = task.result()


async def _await(request: Callable[[], Awaitable[V]]) -> V:
    return await request()


def _is_transient(error: SourceError) -> bool:
    code = error.status_code
    return code is None or code == 429 or code >= 500
