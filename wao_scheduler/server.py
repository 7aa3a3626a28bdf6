"""The extender as a process: starts and stops source, snapshots, engine and application in order."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from wao_core.cluster.records import Kind
from wao_core.prediction.snapshot_loop import Cadence, Inputs, deciding
from wao_core.serving.cluster import cluster
from wao_core.serving.endpoint_options import EndpointOptions
from wao_core.serving.frame import ServerFrame
from wao_core.serving.options import ServerOptions
from wao_core.serving.plants import costing
from wao_core.serving.server import serve
from wao_scheduler.app import create_app
from wao_scheduler.config import SchedulerSettings
from wao_scheduler.decision_engine import DecisionEngine
from wao_scheduler.spread_metrics import SpreadCollector
from wao_scheduler.spread_saving import SpreadSaving, meters

KINDS = (Kind.NODE, Kind.POD, Kind.WORKLOAD, Kind.NODE_CONFIG, Kind.NODE_METRICS)


async def run_scheduler(
    server: ServerOptions,
    settings: SchedulerSettings,
    endpoints: EndpointOptions | None = None,
    *,
    client_ca: Path | None = None,
) -> None:
    """Serve until the process is signalled to stop; with `client_ca`, the verbs require a client certificate of it."""
    frame = ServerFrame.from_options("scheduler", server, client_ca=client_ca)
    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(cluster(server, KINDS, frame, period=settings.metrics_cache_ttl))
        plants = None if settings.cooling is None else settings.cooling.source()
        costs = await stack.enter_async_context(costing(plants, frame))
        engine = DecisionEngine(source.state, settings, costs=costs)
        for pod in source.state.pods.values():
            engine.assumed_pods.observe_pod(pod)
        stack.callback(source.state.subscribe([Kind.POD], engine.assumed_pods.observe))
        cadence = Cadence(
            metrics=settings.metrics_cache_ttl,
            curve_max_age=settings.predictor_cache_ttl,
            floor_window=settings.floor_window,
        )
        inputs = Inputs(
            metrics_api=server.manifests is None and settings.sensors == "metricsAPI",
            access=(endpoints or EndpointOptions()).access(standalone=server.manifests is not None),
            asks_in_cores=settings.cpu_usage_format == "Raw",
            residuals=True,
            history=None if settings.floor_history is None else settings.floor_history.source(),
        )
        runtime = await stack.enter_async_context(
            deciding(source, frame.checks, engine.update, cadence=cadence, inputs=inputs)
        )
        saving = SpreadSaving(engine, source.state, meters(runtime.samples))
        frame.registry.register(SpreadCollector(saving))
        frame.counts["models"] = lambda: runtime.book.models
        await stack.enter_async_context(frame.tasks)
        frame.tasks.supervise("saving", saving.run)
        app = create_app(engine, source, frame, predictors=runtime.book.predictors, saving=lambda: saving.saving)
        await serve(app, server, frame)
