"""Reviews by the API server: what is sent, which answers count, and what is cached."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from tests.wao_core.kube.scripted import client_of
from wao_core.errors import SourceError
from wao_core.serving.auth.authorization import Attributes
from wao_core.serving.auth.identity import User
from wao_core.serving.auth.reviews import KubeReviews
from wao_predict.backoff import Backoff

Answer = dict[str, object] | bytes | int | None


class Api:
    """Answers from a list and repeats the last one: a review's status, a body, or an HTTP status; "hang" hangs."""

    def __init__(self, *answers: Answer | str) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[str, str, dict[str, Any]]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.sent.append((request.method, request.path, json.loads(await request.read())))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer == "hang":
            await asyncio.sleep(3600)
        if isinstance(answer, int):
            return web.json_response({"message": "scripted"}, status=answer)
        if isinstance(answer, bytes):
            return web.Response(body=answer, status=201)
        return web.json_response({"status": answer}, status=201)


@asynccontextmanager
async def reviewing(api: Api, *, deadline: float = 10.0) -> AsyncIterator[KubeReviews]:
    async with client_of(api.handle) as client:
        yield KubeReviews(client, deadline=deadline, backoff=lambda: Backoff(initial=0.001, maximum=0.01))


JANE = {"username": "jane", "uid": "42", "groups": ["a"], "extra": {"Example.org/Foo": ["1"]}}
GET = Attributes("get", "", "v1beta2", "nodes", "inlet_temp", "n1", group="custom.metrics.k8s.io")


async def test_a_token_is_reviewed_once_and_then_remembered() -> None:
    api = Api({"authenticated": True, "user": JANE})
    async with reviewing(api) as reviews:
        users = await asyncio.gather(*(reviews.review_token("t") for _ in range(5)))
        assert users == [User("jane", ("a",), "42", (("example.org/foo", ("1",)),))] * 5
        assert await reviews.review_token("t") == users[0]
    assert [(method, path) for method, path, _ in api.sent] == [("POST", "/apis/authentication.k8s.io/v1/tokenreviews")]
    assert api.sent[0][2] == {
        "kind": "TokenReview",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {},
        "spec": {"token": "t"},
    }


@pytest.mark.parametrize(
    "status",
    [
        {"user": JANE},
        {"authenticated": False, "user": JANE},
        {"authenticated": True},
        {"authenticated": True, "user": {"username": ""}},
        None,
    ],
)
async def test_only_an_authenticated_user_counts(status: dict[str, object]) -> None:
    async with reviewing(Api(status)) as reviews:
        assert await reviews.review_token("t") is None


async def test_a_right_is_reviewed_with_everything_about_the_user() -> None:
    api = Api(
        {"allowed": True, "reason": "RBAC"}, {"allowed": False, "reason": "no"}, {"allowed": True, "denied": True}
    )
    async with reviewing(api) as reviews:
        assert (await reviews.review_access(User("jane"), GET)).allowed
        refused = await reviews.review_access(User("jane", ("other",)), GET)
        assert (refused.allowed, refused.reason) == (False, "no")
        assert not (await reviews.review_access(User("joe"), GET)).allowed
        assert (await reviews.review_access(User("jane"), GET)).allowed
    assert [body["spec"]["user"] for _, _, body in api.sent] == ["jane", "jane", "joe"]


async def test_failures_are_tried_again_and_never_remembered() -> None:
    async with reviewing(Api(500, 503, 429, {"allowed": True})) as reviews:
        assert (await reviews.review_access(User("jane"), GET)).allowed
    broken = Api(503)
    async with reviewing(broken) as reviews:
        for _ in range(2):
            with pytest.raises(SourceError, match=r"did not answer the SubjectAccessReview: .*503 scripted"):
                await reviews.review_access(User("jane"), GET)
    assert len(broken.sent) == 10


async def test_a_refused_review_is_not_tried_again() -> None:
    api = Api(403)
    async with reviewing(api) as reviews:
        with pytest.raises(SourceError):
            await reviews.review_token("t")
    assert len(api.sent) == 1


@pytest.mark.parametrize(
    "answer",
    [
        *(b"", b"null", b"[]", b"{}", b"<html>", b"\xff", b'{"status":7}', b'{"status":{"allowed":"yes"}}'),
        *(b'{"status":{"authenticated":1}}', b'{"status":{"user":{"groups":5}}}', b'{"status":{"user":{"extra":[]}}}'),
    ],
)
async def test_an_answer_that_is_not_a_review_is_an_error_and_allows_nothing(answer: bytes) -> None:
    async with reviewing(Api(answer)) as reviews:
        with pytest.raises(SourceError):
            await reviews.review_token("t")
        with pytest.raises(SourceError):
            await reviews.review_access(User("jane"), GET)


async def test_all_tries_together_have_one_deadline() -> None:
    began = time.monotonic()
    async with reviewing(Api(503, "hang"), deadline=0.3) as reviews:
        with pytest.raises(SourceError, match="503 scripted"):
            await reviews.review_token("t")
        assert time.monotonic() - began < 2.0


async def test_the_answer_for_a_long_path_is_not_kept() -> None:
    api = Api({"allowed": True})
    long = Attributes("get", path="/" + "x" * 20_000)
    async with reviewing(api) as reviews:
        for _ in range(2):
            assert (await reviews.review_access(User("jane"), long)).allowed
    assert len(api.sent) == 2
