"""The pages of metrics and HTTP APIs, from the servers themselves.

The applications that run without a cluster are started on examples/fleet, and asked for /metrics and their OpenAPI
document. The metrics of the controller and of the node agent are read from their registries.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from docs.generator.http import http_page
from docs.generator.metrics import metrics_page
from wao_core.kube.statistics import CollectionMetrics
from wao_demo.apps import App, apps
from wao_lb.agent.metrics import AgentMetrics
from wao_predict.connection import HttpOptions, TlsPolicy
from wao_predict.flow import Request
from wao_predict.transport import AsyncHttpTransport

FLEET = Path(__file__).parents[2] / "examples" / "fleet"


@dataclass(frozen=True)
class Server:
    """What one server publishes: its metrics in the text format, and its OpenAPI document if it has one."""

    metrics: str
    openapi: Mapping[str, Any] = field(default_factory=dict)


def read_servers() -> dict[str, Server]:
    """Return every server by its command."""
    found = asyncio.run(_running())
    return {"metrics-api": found["metrics-api"], **found, "lb-agent": _agent()}


def servers_pages(servers: Mapping[str, Server]) -> dict[str, str]:
    """Return the pages by file name."""
    return {
        "metrics.md": metrics_page({name: server.metrics for name, server in servers.items()}, _watches()),
        "http.md": http_page({name: server.openapi for name, server in servers.items()}),
    }


async def _running() -> dict[str, Server]:
    with tempfile.TemporaryDirectory() as folder:
        async with apps(FLEET, Path(folder)) as started:
            return {name: await _read(app) for name, app in started.items()}


async def _read(app: App) -> Server:
    tls = TlsPolicy(ca_file=app.certificate)
    transport = AsyncHttpTransport(app.url, tls=tls, options=HttpOptions(timeout=30.0))
    try:
        metrics = await transport.send(Request("GET", "/metrics"))
        openapi = await transport.send(Request("GET", "/openapi.json"))
    finally:
        await transport.close()
    return Server(metrics.body.decode(), json.loads(openapi.body) if openapi.status == 200 else {})


def _agent() -> Server:
    registry = CollectorRegistry()
    AgentMetrics(registry)
    return Server(generate_latest(registry).decode())


def _watches() -> str:
    registry = CollectorRegistry()
    registry.register(CollectionMetrics(lambda: ()))
    return generate_latest(registry).decode()
