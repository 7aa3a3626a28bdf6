"""NiceGUI within our own server: its limits, its transport, and what it must not do."""

from __future__ import annotations

from fastapi import FastAPI, Request
from nicegui import core, ui
from nicegui.client import Client
from starlette.responses import Response

from wao_ui.access import message

RECONNECT = 10.0
"""Seconds for which a page that lost its connection is kept."""
MOST_EVENT = 64 * 1024
"""Bytes of one message of a browser."""
HISTORY = 50
"""Messages that are sent again after a short interruption."""
HEAD = '<link rel="stylesheet" href="/static/wao.css"><script defer src="/static/wao.js"></script>'


def serve_with(app: FastAPI) -> None:
    """Serve the registered pages as a part of an application.

    Messages go by HTTP long polling, never by a WebSocket, so that every one passes the limits and the authentication
    of our server. Nothing is stored: neither files nor session cookies.
    """
    engine = core.sio.eio
    engine.transports = ["polling"]
    engine.allow_upgrades = False
    engine.cors_allowed_origins = []  # the same origin only; `wao_ui.access` checks it too
    engine.max_http_buffer_size = MOST_EVENT
    core.app.config.socket_io_js_transports = ["polling"]
    core.app.config.quasar_config["loadingBar"] = {"skipHijack": True}  # it would move with every poll
    core.app.exception_handler(404)(_not_found)
    ui.add_head_html(HEAD, shared=True)
    ui.run_with(
        app,
        title="WAO",
        language="en-US",
        dark=None,
        tailwind=False,
        binding_refresh_interval=None,
        reconnect_timeout=RECONNECT,
        message_history_length=HISTORY,
        show_welcome_message=False,
        storage_secret=None,
    )


async def _not_found(request: Request, _error: Exception) -> Response:
    return message("Not found", f"There is no page {request.url.path[:200]}.", 404, home=True)


def viewers() -> int:
    """Return the number of open pages, those that are being opened included."""
    return len(Client.instances)


def is_page(path: str) -> bool:
    """Return whether a GET of this path opens a page, as opposed to the parts of one."""
    return not path.startswith(("/_nicegui", "/static/", "/login", "/logout", "/metrics", "/favicon"))
