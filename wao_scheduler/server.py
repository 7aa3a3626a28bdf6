"""The extender as a process: source, snapshots, engine and application, started and stopped in order."""

from __future__ import annotations

from contextlib import AsyncExitStack

from prometheus_client import CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from wao_core.cluster.records import Kind
from wao_core.health import HealthChecks
from wao_core.prediction.snapshot_loop import Cadence, Inputs, deciding
from wao_core.serving.cluster import cluster
from wao_core.serving.health import health_routes
from wao_core.serving.options import ServerOptions
from wao_core.serving.server import serve
from wao_scheduler.app import create_app
from wao_scheduler.config import SchedulerSettings
from wao_scheduler.engine import Engine

KINDS = (Kind.NODE, Kind.POD, Kind.WORKLOAD, Kind.NODE_CONFIG, Kind.NODE_METRICS)


async def run_scheduler(server: ServerOptions, settings: SchedulerSettings) -> None:
    """Serve until told to stop."""
    checks, registry = HealthChecks(), CollectorRegistry()
    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(
            cluster(server, KINDS, checks, component="wao-scheduler", period=settings.metrics_cache_ttl)
        )
        engine = Engine(source.state, settings)
        for pod in source.state.pods.values():
            engine.inflight.observe_pod(pod)
        stack.callback(source.state.subscribe([Kind.POD], engine.inflight.observe))
        cadence = Cadence(metrics=settings.metrics_cache_ttl, curve_max_age=settings.predictor_cache_ttl)
        inputs = Inputs(
            metrics_api=server.manifests is None and settings.sensors == "metricsAPI",
            loopback=server.manifests is not None,
            asks_in_cores=settings.cpu_usage_format == "Raw",
        )
        await stack.enter_async_context(deciding(source, checks, engine.update, cadence=cadence, inputs=inputs))
        app = create_app(engine, source, registry)
        app.router.routes.extend(health_routes(checks))

        async def metrics(request: Request) -> Response:
            return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")

        app.add_route("/metrics", metrics, methods=["GET"])
        await serve(app, server, checks)
