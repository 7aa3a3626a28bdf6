"""Who is let in: hosts, origins, sizes, tokens in a cookie, and the headers of every answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from wao_core.serving.auth.authentication import Authenticator
from wao_core.serving.auth.authorization import AuthenticatedOnly
from wao_core.serving.auth.guard import Guard
from wao_core.serving.auth.tokens import TokenFile
from wao_core.serving.auth.trust import Trust
from wao_ui.access import (
    COOKIE,
    MOST_BODY,
    PUBLIC,
    Doorway,
    SignIn,
    allowed_hosts,
    local_path,
    refuse,
    right_of,
    token_of,
)

HTML = {"accept": "text/html"}


async def _page(request: Request) -> PlainTextResponse:
    body = await request.body()
    return PlainTextResponse(f"{len(body)} {request.headers.get('x-forwarded-prefix', '-')}")


def _inner(*routes: Route) -> Starlette:
    return Starlette(routes=[*routes, Route("/{path:path}", _page, methods=["GET", "POST"])])


def _client(app: ASGIApp, hosts: frozenset[str] = frozenset({"page"}), *, room: bool = True) -> httpx2.AsyncClient:
    door = Doorway(app, hosts=hosts, room=lambda: room, is_page=lambda path: path == "/")
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(door), base_url="https://page")


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    file = tmp_path / "tokens"
    file.write_text("s3cret,alice\n")
    tokens = TokenFile(file)
    sign_in = SignIn(tokens.review_token, "a token", secure=True)
    app = _inner(Route("/login", sign_in), Route("/logout", sign_in))
    guard = Guard(
        app, Authenticator(Trust, tokens), AuthenticatedOnly(), attributes=right_of, refuse=refuse, public=PUBLIC
    )
    async with _client(guard) as client:
        yield client


async def test_a_person_signs_in_sees_the_page_and_signs_out(guarded: httpx2.AsyncClient) -> None:
    refused = await guarded.get("/nodes/a?x=1", headers=HTML)
    assert (refused.status_code, refused.headers["location"]) == (303, "/login?next=/nodes/a%3Fx%3D1")
    entered = await guarded.post("/login", data={"token": "s3cret", "next": "/nodes/a"})
    assert (entered.status_code, entered.headers["location"]) == (303, "/nodes/a")
    cookie = entered.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Secure"))
    assert (await guarded.get("/nodes/a", headers=HTML)).status_code == 200
    await guarded.post("/logout")
    assert (await guarded.get("/nodes/a", headers=HTML)).status_code == 303


async def test_a_wrong_token_opens_nothing(guarded: httpx2.AsyncClient) -> None:
    answer = await guarded.post("/login", data={"token": "guess"})
    assert answer.status_code == 403
    assert "not valid" in answer.text
    assert "set-cookie" not in answer.headers
    guarded.cookies.set(COOKIE, "guess")
    assert (await guarded.get("/_nicegui_ws/socket.io/")).status_code == 401


async def test_a_program_sends_its_token_as_any_client_does(guarded: httpx2.AsyncClient) -> None:
    assert (await guarded.get("/")).status_code == 403
    assert (await guarded.get("/", headers={"Authorization": "Bearer s3cret"})).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "https://page"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://page"}, 200),
    ],
)
async def test_another_site_cannot_send_requests_of_a_viewer(headers: dict[str, str], status: int) -> None:
    async with _client(_inner()) as client:
        assert (await client.post("/x", headers=headers)).status_code == status


@pytest.mark.parametrize(("host", "status"), [("page", 200), ("PAGE:8443", 200), ("evil.example", 421), ("", 421)])
async def test_a_foreign_name_is_refused_so_that_dns_rebinding_fails(host: str, status: int) -> None:
    async with _client(_inner()) as client:
        assert (await client.get("/", headers={"Host": host})).status_code == status


async def test_a_large_body_is_refused() -> None:
    async with _client(_inner()) as client:
        assert (await client.post("/x", content=b"x" * (MOST_BODY + 1))).status_code == 413
        assert (await client.post("/x", content=b"x" * MOST_BODY)).text.startswith(str(MOST_BODY))


async def test_no_more_pages_are_opened_than_there_is_room_for() -> None:
    async with _client(_inner(), room=False) as client:
        assert (await client.get("/")).status_code == 503
        assert (await client.get("/parts")).status_code == 200


async def test_every_answer_forbids_frames_and_other_origins() -> None:
    async with _client(_inner()) as client:
        for answer in (await client.get("/"), await client.get("/", headers={"Host": "evil"})):
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
            assert answer.headers["x-content-type-options"] == "nosniff"


async def test_headers_of_a_proxy_that_is_not_there_are_dropped() -> None:
    async with _client(_inner()) as client:
        assert (await client.get("/", headers={"X-Forwarded-Prefix": '"><script>'})).text == "0 -"


def test_a_server_on_loopback_has_the_names_of_this_machine_only() -> None:
    assert "localhost" in allowed_hosts("127.0.0.1", (), loopback=True)
    assert allowed_hosts("0.0.0.0", (), loopback=False) == frozenset()
    assert allowed_hosts("0.0.0.0", ("Page.example",), loopback=False) == {"page.example"}


@pytest.mark.parametrize("target", ["//evil", "https://evil", "/\\evil", "javascript:x", "/login", "/a\nb", ""])
def test_after_signing_in_only_pages_of_ours_follow(target: str) -> None:
    assert local_path(target) == "/"


@pytest.mark.parametrize(
    ("cookies", "token"), [([], None), (["a=b"], None), ([f"{COOKIE}=x.y; a=b"], "x.y"), (["\x00"], None)]
)
def test_the_token_is_found_among_cookies(cookies: list[str], token: str | None) -> None:
    assert token_of(cookies) == token


@pytest.mark.parametrize(
    ("cookies", "token"),
    [
        (["wao-token=t"], "t"),
        (["a=1; wao-token=t; b=2"], "t"),
        (['wao-token="a\\054b="'], "a,b="),
        (['theme={"dark": 1}; a b=1; wao-token=t'], "t"),
        (["a=1", "wao-token=t"], "t"),
        (['a="' + "\\" * 15_000 + '"; wao-token=t'], "t"),
        (["wao-token=" + "t" * 4097], None),
        (["xwao-token=t; wao-token="], None),
        ([""], None),
    ],
)
def test_the_token_is_found_among_cookies_of_any_form(cookies: list[str], token: str | None) -> None:
    """Cookies belong to a host, whatever the port: other applications of the machine set some, too."""
    assert token_of(cookies) == token
