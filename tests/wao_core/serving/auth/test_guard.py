"""Nothing behind the guard is reached without a user who may."""

from pathlib import Path

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from wao_core.errors import SourceError
from wao_core.serving.auth.authentication import Authenticator
from wao_core.serving.auth.authorization import AccessDecision, AccessReviewer, Attributes, AuthenticatedOnly
from wao_core.serving.auth.guard import Guard
from wao_core.serving.auth.identity import User
from wao_core.serving.auth.tokens import TokenFile
from wao_core.serving.auth.trust import Trust
from wao_metrics_api.responses import send_status


async def inner(scope: Scope, receive: Receive, send: Send) -> None:
    await JSONResponse(sorted(Request(scope).headers.keys()))(scope, receive, send)


class Broken:
    async def review_access(self, user: User, attributes: Attributes) -> AccessDecision:
        raise SourceError("the API server is away; Authorization: Bearer secret")


async def ask(
    tokens: Path, headers: dict[str, str], *, path: str = "/apis", reviewer: AccessReviewer | None = None
) -> httpx2.Response:
    guard = Guard(
        inner,
        Authenticator(Trust, TokenFile(tokens)),
        reviewer or AuthenticatedOnly(),
        attributes=lambda method, path: Attributes(method.lower(), path=path),
        refuse=send_status,
    )
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=guard), base_url="http://test") as client:
        return await client.get(path, headers=headers)


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    path = tmp_path / "tokens.csv"
    path.write_text('# token,user,uid,groups\nabc,scheduler,1,"readers,system:nodes"\nbare\n')
    return path


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 403),
        ({"Authorization": "Bearer nope"}, 401),
        ({"Authorization": "Bearer abc"}, 200),
        ({"Authorization": "Bearer bare"}, 200),
    ],
)
async def test_codes(tokens: Path, headers: dict[str, str], code: int) -> None:
    response = await ask(tokens, headers)
    assert response.status_code == code
    if code != 200:
        assert response.json()["kind"] == "Status"


async def test_headers_that_speak_of_a_user_end_here(tokens: Path) -> None:
    headers = {"Authorization": "Bearer abc", "X-Remote-User": "root", "X-Remote-Extra-Y": "1", "X-Other": "1"}
    seen = (await ask(tokens, headers)).json()
    assert "x-other" in seen
    assert not [name for name in seen if name.startswith("x-remote")]


async def test_health_needs_no_user(tokens: Path) -> None:
    assert (await ask(tokens, {}, path="/readyz")).status_code == 200


async def test_an_authoriser_that_fails_is_an_internal_error_without_its_reason(tokens: Path) -> None:
    response = await ask(tokens, {"Authorization": "Bearer abc"}, reviewer=Broken())
    assert (response.status_code, response.json()["reason"]) == (500, "InternalError")
    assert "away" not in response.text


async def test_a_changed_token_file_counts_at_once(tokens: Path) -> None:
    file = TokenFile(tokens)
    assert await file.review_token("abc") == User("scheduler", ("readers", "system:nodes"), "1")
    tokens.write_text("new,other\n")
    assert await file.review_token("abc") is None
    assert await file.review_token("new") == User("other")
