"""The path / of every server: what it is, its paths, and where the page of WAO is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from wao_core.serving.metrics import package_version


def index_endpoint(component: str, page_url: str) -> Callable[[Request], Awaitable[Response]]:
    """Return a Starlette endpoint for GET /: HTML for browsers, JSON for programs.

    Parameters
    ----------
    component
        Name of the server.
    page_url
        Address of `wao ui`, empty if it is not known.
    """

    async def index(request: Request) -> Response:
        paths = _paths(request)
        if "text/html" in request.headers.get("accept", ""):
            headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
            return HTMLResponse(_html(component, page_url, paths), headers=headers)
        document: dict[str, object] = {"component": component, "version": package_version(), "paths": paths}
        return JSONResponse({**document, "page": page_url} if page_url else document)

    return index


def _paths(request: Request) -> list[str]:
    """Return the paths of the application that can be read, without their parameters' types."""
    found = {
        route.path.replace(":path", "")
        for route in getattr(request.scope.get("app"), "routes", ())
        if "GET" in (getattr(route, "methods", None) or ())
    }
    return sorted(found - {"/"})


def _html(component: str, page_url: str, paths: Iterable[str]) -> str:
    page = f'<p><a href="{escape(page_url)}">Open the page of WAO</a></p>' if page_url else ""
    items = "".join(f"<li>{_link(path)}</li>" for path in paths)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        f"<title>WAO {escape(component)}</title>"
        "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}</style></head>"
        f"<body><h1>WAO {escape(component)}</h1><p>Version {escape(package_version())}</p>{page}<ul>{items}</ul>"
        "</body></html>\n"
    )


def _link(path: str) -> str:
    text = escape(path)
    return text if "{" in path else f'<a href="{text}">{text}</a>'
