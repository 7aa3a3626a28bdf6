"""The weight service as a process: source, snapshots, weights and outputs, started and stopped in order."""

from __future__ import annotations

from contextlib import AsyncExitStack

from prometheus_client import CollectorRegistry

from wao_core.records import Kind
from wao_core.runtime import Inputs, deciding
from wao_core.serving.cluster import cluster
from wao_core.serving.health import HealthChecks
from wao_core.serving.options import ServerOptions
from wao_core.serving.server import serve
from wao_lb.app import create_app
from wao_lb.outputs.haproxy import AgentCheckServer
from wao_lb.service import LbSettings, WeightBook

KINDS = (
    Kind.NODE,
    Kind.POD,
    Kind.NODE_CONFIG,
    Kind.NODE_METRICS,
    Kind.POD_METRICS,
    Kind.SERVICE,
    Kind.ENDPOINT_SLICE,
)


async def run_lb(server: ServerOptions, settings: LbSettings, *, agent_check_port: int | None = None) -> None:
    """Serve until told to stop."""
    checks, registry = HealthChecks(), CollectorRegistry()
    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(cluster(server, KINDS, checks, component="wao-lb"))
        book = WeightBook(source, settings)
        standalone = server.manifests is not None
        await stack.enter_async_context(deciding(source, checks, book.update, inputs=Inputs(loopback=standalone)))
        if agent_check_port is not None:
            await stack.enter_async_context(AgentCheckServer(book.all, server.host, agent_check_port))
        await serve(create_app(book, checks, registry), server, checks)
