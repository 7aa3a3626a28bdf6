"""The weight service as a process: source, snapshots, weights and outputs, started and stopped in order."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AsyncExitStack

from wao_core.cluster.records import Kind
from wao_core.health import HealthChecks
from wao_core.prediction.snapshot_loop import Inputs, deciding
from wao_core.serving.cluster import cluster
from wao_core.serving.metrics import new_registry
from wao_core.serving.options import ServerOptions
from wao_core.serving.server import serve
from wao_lb.app import create_app
from wao_lb.outputs.haproxy import AgentCheckServer
from wao_lb.settings import LbSettings, selectors_of
from wao_lb.weight_book import WeightBook

log = logging.getLogger(__name__)

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
    checks, registry = HealthChecks(), new_registry("lb")
    ready = _once(lambda: checks.ready().healthy)
    async with AsyncExitStack() as stack:
        selectors = selectors_of(settings.proxy_name)
        source = await stack.enter_async_context(
            cluster(server, KINDS, checks, component="wao-lb", selectors=selectors)
        )
        book = WeightBook(source, settings)
        stack.callback(book.close)
        standalone = server.manifests is not None
        # in a cluster the metrics API alone reads the sensors: a BMC answers one at a time
        inputs = Inputs(metrics_api=not standalone, loopback=standalone)
        await stack.enter_async_context(deciding(source, checks, book.update, inputs=inputs))
        weighed = _once(lambda: book.first() is None)
        checks.add_ready("first-weights", lambda: None if weighed() else book.first())
        if agent_check_port is not None:
            agent = AgentCheckServer(book, server.host, agent_check_port, ready=ready)
            await stack.enter_async_context(agent)
            log.info("answering HAProxy's agent checks on %s port %d", server.host, agent.port)
        await serve(create_app(book, checks, registry, ready), server, checks)


def _once(condition: Callable[[], bool]) -> Callable[[], bool]:
    """Return whether a condition has ever held; from then on old weights are better than none."""
    held = False

    def looked() -> bool:
        nonlocal held
        held = held or condition()
        return held

    return looked
