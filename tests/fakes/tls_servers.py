"""A server that answers who its client is, and a client of it."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from wao_core.health import HealthChecks
from wao_core.serving.health import health_routes
from wao_core.serving.tls import ServingTls


async def whoami(request: Request) -> Response:
    peer = request.state.tls_peer
    return JSONResponse(None if peer is None else [peer.common_name, *peer.organisations, peer.root])


def app(checks: HealthChecks | None = None) -> Starlette:
    routes = [Route("/whoami", whoami)]
    if checks is not None:
        routes.extend(health_routes(checks))
    return Starlette(routes=routes)


def tls_in(folder: Path, *, clients: bool = False) -> ServingTls:
    return ServingTls(folder / "tls.crt", folder / "tls.key", self_signed_hosts=[], client_certificates=clients)


async def get(url: str, trusted: Path, client: tuple[Path, Path] | None = None) -> httpx2.Response:
    context = ssl.create_default_context(cafile=str(trusted))
    if client is not None:
        context.load_cert_chain(*client)
    async with httpx2.AsyncClient(verify=context, trust_env=False) as session:
        return await session.get(url)
