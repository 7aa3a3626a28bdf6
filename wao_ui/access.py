"""Who may call the page, and how: hosts, origins, tokens in a cookie, and the headers of every answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import suppress
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wao_core.serving.auth.authentication import MAX_TOKEN
from wao_core.serving.auth.authorization import ALWAYS_ALLOWED, Attributes
from wao_core.serving.bodies import bounded_body
from wao_core.serving.status import StatusError
from wao_ui.views import render

COOKIE = "wao-token"
MOST_COOKIE = 4096  # bytes that browsers keep of one cookie
MOST_BODY = 64 * 1024  # bytes of one request: events of a page, or the form with a token
RIGHT = "/wao-ui"
"""Non-resource URL that viewers need the verb get on, whatever part of the page they see."""
METRICS = "/metrics"
PUBLIC = ALWAYS_ALLOWED | {"/login", "/static/wao.css"}
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS = {
    # NiceGUI has its program in the page and compiles templates of Vue in the browser
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers send a form with `Origin: null`
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def right_of(_method: str, path: str) -> Attributes:
    """Return what a client needs: one right for the whole page, whatever the request is, and one for the metrics."""
    return Attributes("get", path=METRICS if path == METRICS else RIGHT)


def token_of(cookies: Iterable[str]) -> str | None:
    """Return the token in the cookies of a request, None without one.

    Only our cookie is parsed: others may have any form, and some versions of Python parse quotes in quadratic time.
    """
    for text in cookies:
        for pair in text[:MAX_TOKEN].split(";"):
            name, _, value = pair.strip().partition("=")
            if name != COOKIE or len(value) > MOST_COOKIE:
                continue
            jar: SimpleCookie = SimpleCookie()
            with suppress(CookieError):
                jar.load(f"{COOKIE}={value}")
            if COOKIE in jar and jar[COOKIE].value:
                return jar[COOKIE].value
    return None


def host_of(value: str) -> str:
    """Return the host in a Host header, without port and in lower case; empty if it cannot be read.

    Examples
    --------
    >>> host_of("LOCALHOST:8443"), host_of("[::1]:80"), host_of("a b")
    ('localhost', '::1', '')
    """
    try:
        return (urlsplit(f"//{value}").hostname or "").lower() if " " not in value else ""
    except ValueError:
        return ""


def allowed_hosts(host: str, more: Collection[str], *, loopback: bool) -> frozenset[str]:
    """Return the names that browsers may use; empty allows any, for a server that listens on all addresses.

    A server on loopback has no authentication. There, a foreign name is the sign of an attack by DNS rebinding.
    """
    named = {name.lower() for name in more}
    if loopback:
        return frozenset({host.lower(), "localhost", "127.0.0.1", "::1", *named})
    anywhere = host in ("0.0.0.0", "::", "")  # noqa: S104 - a comparison
    return frozenset(named) if anywhere else frozenset({host.lower(), *named})


class Doorway:
    """Checks host, origin and size of each request, turns the cookie into a bearer token, and adds headers.

    Parameters
    ----------
    app
        What is behind it, usually a `Guard`.
    hosts
        Names that browsers may use; empty for any.
    room
        Returns whether one more page may be opened.
    is_page
        Returns whether a path opens a page.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: frozenset[str],
        room: Callable[[], bool],
        is_page: Callable[[str], bool],
    ) -> None:
        self._app, self._hosts, self._room, self._is_page = app, hosts, room, is_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; other kinds of connections are refused."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        if scope["path"] in ALWAYS_ALLOWED:
            await self._app(scope, receive, send)
            return
        refused = self._refused(scope["method"], scope["path"], headers)
        if refused is not None:
            await refused(scope, receive, _with_headers(send))
            return
        if scope["method"] not in _SAFE:
            body = await bounded_body(scope, receive, MOST_BODY)
            if body is None:
                await message("Too large", "The request is too large.", 413)(scope, receive, _with_headers(send))
                return
            receive = _again(body, receive)
        await self._app(_with_token(scope, headers), receive, _with_headers(send))

    def _refused(self, method: str, path: str, headers: Headers) -> Response | None:
        if self._hosts and host_of(headers.get("host", "")) not in self._hosts:
            return message(
                "Unknown host", "This server is not called by this name. Start it with --allowed-host NAME.", 421
            )
        if method not in _SAFE and not same_origin(headers):
            return message("Not from this page", "The request comes from another site.", 403)
        if method in _SAFE and self._is_page(path) and not self._room():
            return message("Too many viewers", "All places are taken. Close a page, or try again in a minute.", 503)
        return None


def same_origin(headers: Headers) -> bool:
    """Return whether a request that could change something comes from our own page, or from a program."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


def message(title: str, text: str, status: int, *, sign_in: bool = False, home: bool = False) -> HTMLResponse:
    """Return a page with a short message, and a link to the form of tokens or to the first page."""
    values = {"title": title, "text": text, "sign_in": sign_in, "home": home}
    return HTMLResponse(render("message", values), status)


async def refuse(scope: Scope, send: Send, error: StatusError) -> None:
    """Answer a request without the right: a form for people who have not signed in, a message for others."""
    response: Response
    if "text/html" not in Headers(scope=scope).get("accept", ""):
        response = Response(error.body(), error.code, media_type="application/json")
    elif error.code == 401 or token_of(Headers(scope=scope).getlist("cookie")) is None:
        target = scope["path"] + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
        response = RedirectResponse(f"/login?next={quote(target, safe='/')}", 303)
    else:
        response = message("No access", error.message, error.code, sign_in=True)
    await response(scope, _nothing, send)


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def local_path(path: str) -> str:
    """Return a path of our own to go to after signing in, whatever a link says.

    Examples
    --------
    >>> local_path("/nodes/a"), local_path("//evil.example"), local_path("https://evil.example")
    ('/nodes/a', '/', '/')
    """
    ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if ours and not path.startswith(("/login", "/logout")) else "/"


class SignIn:
    """The form at /login and the end at /logout.

    Parameters
    ----------
    valid
        Returns whether a token belongs to a user.
    hint
        What to enter.
    secure
        Whether the page is served over TLS.
    """

    def __init__(self, valid: Callable[[str], Awaitable[object]], hint: str, *, secure: bool) -> None:
        self._valid, self._hint, self._secure = valid, hint, secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Show the form, or set or remove the cookie."""
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if scope["path"] == "/logout":
            response = RedirectResponse("/login", 303)
            response.delete_cookie(COOKIE, path="/", secure=self._secure, httponly=True, samesite="strict")
            await response(scope, receive, send)
            return
        if scope["method"] != "POST":
            await self._form(query.get("next", ["/"])[0])(scope, receive, send)
            return
        body = await bounded_body(scope, receive, MOST_BODY) or b""
        fields = parse_qs(body.decode("utf-8", "replace"))
        token, target = fields.get("token", [""])[0].strip(), fields.get("next", ["/"])[0]
        usable = 0 < len(token) <= MOST_COOKIE - 200 and token.isascii() and token.isprintable()
        if not usable or not await self._valid(token):
            await self._form(target, "This token is not valid.", 403)(scope, receive, send)
            return
        answer = RedirectResponse(local_path(target), 303)
        answer.set_cookie(COOKIE, token, path="/", secure=self._secure, httponly=True, samesite="strict")
        await answer(scope, receive, send)

    def _form(self, target: str, problem: str = "", status: int = 200) -> HTMLResponse:
        values = {"next": local_path(target), "problem": problem, "hint": self._hint}
        return HTMLResponse(render("login", values), status, {"Cache-Control": "no-store"})


def _with_token(scope: Scope, headers: Headers) -> Scope:
    """Return the request with the token of its cookie as a header, and without what only a proxy may say."""
    kept = [pair for pair in scope["headers"] if not pair[0].startswith(b"x-forwarded-")]
    token = token_of(headers.getlist("cookie"))
    if token is not None and "authorization" not in headers:
        kept.append((b"authorization", b"Bearer " + token.encode("latin-1", "replace")))
    return {**scope, "headers": kept}


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a channel with a body that was read already."""
    sent = False

    async def once() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
        await send(message)

    return sending
