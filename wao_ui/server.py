"""The page as a process: starts and stops the source of Nodes, the poller, and the server of the pages."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.routing import Route
from starlette.types import ASGIApp

from wao_core.bearer_token import read_bearer_token
from wao_core.cluster.records import Kind
from wao_core.kube.source import ClusterSource
from wao_core.serving.auth.authentication import Authenticator, Credentials, TokenReviewer
from wao_core.serving.auth.authorization import AccessReviewer, AuthenticatedOnly
from wao_core.serving.auth.guard import Guard
from wao_core.serving.auth.reviews import KubeReviews
from wao_core.serving.auth.tokens import TokenFile
from wao_core.serving.auth.trust import Trust
from wao_core.serving.cluster import cluster
from wao_core.serving.frame import ServerFrame
from wao_core.serving.metrics import package_version
from wao_core.serving.options import ServerOptions
from wao_core.serving.server import serve
from wao_predict.connection import TlsPolicy
from wao_predict.errors import UsageError, WaoError
from wao_ui.access import PUBLIC, Doorway, SignIn, allowed_hosts, refuse, right_of
from wao_ui.feeds import Api
from wao_ui.metrics import open_pages, picture_duration
from wao_ui.poller import Poller
from wao_ui.settings import Authentication, Settings
from wao_ui.sources import Apis, Sources
from wao_ui.store import Store

KINDS = (Kind.NODE,)
STATIC = Path(__file__).resolve().parent / "static"
_log = logging.getLogger(__name__)


async def run_ui(server: ServerOptions, settings: Settings) -> None:
    """Serve until the process is signalled to stop."""
    from wao_ui.nicegui_setup import viewers

    frame = ServerFrame.from_options("ui", server)
    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(cluster(server, KINDS, frame))
        apis = apis_of(settings, source)
        stack.push_async_callback(apis.close)
        store, sources = Store(settings.points), Sources.of(apis)
        poller = Poller(
            sources,
            store,
            lambda: source.state.nodes,
            period=settings.period,
            group_label=settings.group_label,
            drawn=picture_duration(frame.registry).observe,
        )
        frame.checks.add_live("poller", poller.health)
        frame.checks.add_ready("first-picture", lambda: None if poller.read_once else "the sources are not read yet")
        open_pages(frame.registry, viewers)
        tasks = await stack.enter_async_context(frame.tasks)
        tasks.supervise("poller", poller.run)
        app = _guarded(_pages(store, sources, frame, settings, server), source, settings, server)
        await serve(app, server, frame)


def apis_of(settings: Settings, source: ClusterSource) -> Apis:
    """Return the connections to the applications that the settings name; raises `UsageError`."""
    tls = TlsPolicy(ca_file=settings.ca_file)
    made = {
        name: Api(url, tls, token=_token_reader(settings.metrics_token_file) if name == "metrics" else lambda: None)
        for name, url in settings.urls.items()
    }
    return Apis(**made, client=source.client)


def _token_reader(file: Path | None) -> Callable[[], str | None]:
    return lambda: None if file is None else read_bearer_token(file)


def _pages(store: Store, sources: Sources, frame: ServerFrame, settings: Settings, server: ServerOptions) -> FastAPI:
    from wao_ui.nicegui_setup import serve_with
    from wao_ui.pages import Pages

    app = FastAPI(title="WAO page", version=package_version(), docs_url=None, redoc_url=None, openapi_url=None)
    app.router.routes.extend(frame.routes(index=False))
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    authenticated = settings.mode(server) is not Authentication.NONE
    Pages(store, sources, authenticated).add()
    serve_with(app)
    return app


def _guarded(app: FastAPI, source: ClusterSource, settings: Settings, server: ServerOptions) -> ASGIApp:
    from wao_ui.nicegui_setup import is_page, viewers

    hosts = allowed_hosts(server.host, settings.allowed_hosts, loopback=server.loopback)
    guarded: ASGIApp = app
    match settings.mode(server):
        case Authentication.FILE:
            assert settings.token_file is not None
            guarded = _with_sign_in(app, TokenFile(settings.token_file), AuthenticatedOnly(), _FILE_HINT, server)
        case Authentication.KUBERNETES:
            if source.client is None:
                raise UsageError("--authentication kubernetes needs an API server")
            reviews = KubeReviews(source.client)
            guarded = _with_sign_in(app, reviews, reviews, _KUBERNETES_HINT, server)
        case _:
            _log.warning("NO AUTHENTICATION: anyone on this machine can see the page")
    return Doorway(guarded, hosts=hosts, room=lambda: viewers() < settings.viewers, is_page=is_page)


_FILE_HINT = "A token of the file that the server was started with."
_KUBERNETES_HINT = "A token of the cluster, for example from: kubectl create token ACCOUNT -n NAMESPACE"


def _with_sign_in(
    app: FastAPI, tokens: TokenReviewer, reviewer: AccessReviewer, hint: str, server: ServerOptions
) -> ASGIApp:
    authenticator = Authenticator(Trust, tokens)

    async def valid(token: str) -> bool:
        try:
            await authenticator.authenticate(Credentials(None, ((b"authorization", f"Bearer {token}".encode()),)))
        except WaoError:
            return False
        return True

    sign_in = SignIn(valid, hint, secure=not server.insecure_http)
    app.router.routes.insert(0, Route("/login", sign_in))
    app.router.routes.insert(0, Route("/logout", sign_in))
    return Guard(app, authenticator, reviewer, attributes=right_of, refuse=refuse, public=PUBLIC)
