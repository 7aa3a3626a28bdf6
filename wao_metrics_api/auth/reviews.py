"""Reviews by the API server, cached: TokenReview for tokens, SubjectAccessReview for rights."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Any, Generic, Protocol, TypeVar, cast

import msgspec
from cachetools import TTLCache

from wao_core.errors import SourceError
from wao_core.kube.resources import api_path
from wao_metrics_api.auth.authorization import Attributes, Decision, review_spec
from wao_metrics_api.auth.identity import User

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
LIFETIME = 10.0  # seconds that an answer is used, a yes as long as a no
TRIES = 5
TIMEOUT = 10.0  # seconds for one try


class ReviewClient(Protocol):
    """Sends one request to the API server; `wao_core.kube.client.KubeClient` is one."""

    async def send(self, method: str, path: str, *, body: Mapping[str, object] | None = None) -> bytes:
        """Return the body of the answer; raises `SourceError` when there is no good one."""
        ...


class KubeReviews:
    """Judges tokens and rights by asking the API server; answers are kept for ten seconds, failures are not."""

    def __init__(self, api: ReviewClient, *, pause: float = 0.5) -> None:
        self._api, self._pause = api, pause
        self._tokens: ReviewCache[bytes, User | None] = ReviewCache()
        self._access: ReviewCache[tuple[User, Attributes], Decision] = ReviewCache()

    async def review_token(self, token: str) -> User | None:
        """Return whose token it is. Only its hash is kept."""
        digest = hashlib.sha256(token.encode()).digest()
        return await self._tokens.get(digest, lambda: self._ask_token(token))

    async def review_access(self, user: User, attributes: Attributes) -> Decision:
        """Return whether the cluster's rules allow it."""
        return await self._access.get((user, attributes), lambda: self._ask_access(user, attributes))

    async def _ask_token(self, token: str) -> User | None:
        answer = await self._post(
            api_path("authentication.k8s.io/v1", "tokenreviews"),
            {
                "kind": "TokenReview",
                "apiVersion": "authentication.k8s.io/v1",
                "metadata": {},
                "spec": {"token": token},
            },
        )
        status = _mapping(answer.get("status"))
        # the user is there on refusals too; only this field makes it valid
        return _user(_mapping(status.get("user"))) if status.get("authenticated") is True else None

    async def _ask_access(self, user: User, attributes: Attributes) -> Decision:
        answer = await self._post(
            api_path("authorization.k8s.io/v1", "subjectaccessreviews"),
            {
                "kind": "SubjectAccessReview",
                "apiVersion": "authorization.k8s.io/v1",
                "metadata": {},
                "spec": review_spec(user, attributes),
            },
        )
        status = _mapping(answer.get("status"))
        return Decision(
            status.get("allowed") is True and status.get("denied") is not True, str(status.get("reason") or "")
        )

    async def _post(self, path: str, body: Mapping[str, object]) -> Mapping[str, Any]:
        for attempt in range(1, TRIES + 1):
            try:
                async with asyncio.timeout(TIMEOUT):
                    answer = await self._api.send("POST", path, body=body)
                return _mapping(msgspec.json.decode(answer))
            except (SourceError, TimeoutError, msgspec.DecodeError) as error:
                if attempt == TRIES or not _transient(error):
                    raise SourceError(
                        f"the API server did not answer the review: {error or 'no answer in time'}"
                    ) from error
                await asyncio.sleep(self._pause * 1.5 ** (attempt - 1) * random.uniform(1.0, 1.2))
        raise AssertionError  # the last try returned or raised


class ReviewCache(Generic[K, V]):
    """Remembers answers for a while and asks once for all who want the same answer at the same time."""

    def __init__(self, *, size: int = 4096, lifetime: float = LIFETIME) -> None:
        self._answers: TTLCache[K, V] = TTLCache(size, lifetime)
        self._pending: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K, ask: Callable[[], Awaitable[V]]) -> V:
        """Return the answer for `key`, by `ask` when it is not known."""
        try:
            return self._answers[key]
        except KeyError:
            pass
        task = self._pending.get(key)
        if task is None:
            task = asyncio.ensure_future(_await(ask))
            self._pending[key] = task
            task.add_done_callback(lambda done: self._finish(key, done))
        # shielded: one client that goes away must not take the answer from the others
        return await asyncio.shield(task)

    def _finish(self, key: K, task: asyncio.Task[V]) -> None:
        self._pending.pop(key, None)
        if not task.cancelled() and task.exception() is None:
            self._answers[key] = task.result()


async def _await(ask: Callable[[], Awaitable[V]]) -> V:
    return await ask()


def _transient(error: Exception) -> bool:
    code = getattr(error, "status_code", None)
    return code is None or code == 429 or code >= 500


def _mapping(value: object) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], value) if isinstance(value, Mapping) else {}


def _user(data: Mapping[str, Any]) -> User | None:
    name = data.get("username")
    if not isinstance(name, str) or not name:
        return None
    extra = _mapping(data.get("extra"))
    return User(
        name,
        tuple(map(str, data.get("groups") or ())),
        str(data.get("uid") or ""),
        tuple(sorted((key.lower(), tuple(map(str, values or ()))) for key, values in extra.items())),
    )
