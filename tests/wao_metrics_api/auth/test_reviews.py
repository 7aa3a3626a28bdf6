"""Reviews by the API server: what is sent, what is believed, what is kept."""

import asyncio
import json
from collections.abc import Mapping

import pytest

from wao_core.errors import SourceError
from wao_metrics_api.auth.authorization import Attributes
from wao_metrics_api.auth.identity import User
from wao_metrics_api.auth.reviews import KubeReviews


class Api:
    """An API server that answers from a list; an exception in it is raised."""

    def __init__(self, *answers: dict[str, object] | Exception) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[str, str, Mapping[str, object] | None]] = []

    async def send(self, method: str, path: str, *, body: Mapping[str, object] | None = None) -> bytes:
        self.sent.append((method, path, body))
        await asyncio.sleep(0)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return json.dumps({"status": answer}).encode()


JANE = {"username": "jane", "uid": "42", "groups": ["a"], "extra": {"Example.org/Foo": ["1"]}}
GET = Attributes("get", "", "v1beta2", "nodes", "inlet_temp", "n1")


async def test_a_token_is_reviewed_once_and_then_remembered() -> None:
    api = Api({"authenticated": True, "user": JANE})
    reviews = KubeReviews(api)
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
        {"authenticated": "yes"},
        None,
    ],
)
async def test_only_an_authenticated_user_counts(status: dict[str, object]) -> None:
    assert await KubeReviews(Api(status)).review_token("t") is None


async def test_a_right_is_asked_for_with_everything_about_the_user() -> None:
    api = Api({"allowed": True, "reason": "RBAC"}, {"allowed": False, "denied": True, "reason": "no"})
    reviews = KubeReviews(api)
    assert (await reviews.review_access(User("jane"), GET)).allowed
    refused = await reviews.review_access(User("jane", ("other",)), GET)
    assert (refused.allowed, refused.reason) == (False, "no")
    assert (await reviews.review_access(User("jane"), GET)).allowed
    assert len(api.sent) == 2


async def test_failures_are_tried_again_and_never_remembered() -> None:
    api = Api(SourceError("down"), SourceError("busy", status_code=503), {"allowed": True})
    assert (await KubeReviews(api, pause=0.0).review_access(User("jane"), GET)).allowed
    broken = Api(SourceError("down"))
    reviews = KubeReviews(broken, pause=0.0)
    for _ in range(2):
        with pytest.raises(SourceError, match="did not answer the review: down"):
            await reviews.review_access(User("jane"), GET)
    assert len(broken.sent) == 10


async def test_a_refused_review_is_not_tried_again() -> None:
    api = Api(SourceError("forbidden", status_code=403))
    with pytest.raises(SourceError):
        await KubeReviews(api, pause=0.0).review_token("t")
    assert len(api.sent) == 1
