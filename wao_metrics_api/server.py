"""The metrics API as a process: source, collector, application and guard, started and stopped in order."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp

from wao_core.cluster.records import Kind
from wao_core.collector.collecting import collecting
from wao_core.collector.collector import Collector
from wao_core.collector.plan import SensorSpec
from wao_core.collector.poller import Observe
from wao_core.collector.reporting import StatusReporter
from wao_core.collector.store import SampleStore
from wao_core.collector.usage import STANDING, TTL, UsageMetric
from wao_core.kube.source import ClusterSource
from wao_core.serving.cluster import cluster
from wao_core.serving.metrics import SeriesFamily
from wao_core.serving.options import ServerOptions
from wao_core.serving.server import serve
from wao_core.serving.tls import ServingTls, tls_from_options
from wao_metrics_api.app import Parts, create_app, new_parts
from wao_metrics_api.auth.authentication import Authenticator
from wao_metrics_api.auth.authorization import AuthenticatedOnly
from wao_metrics_api.auth.guard import Guard
from wao_metrics_api.auth.reviews import KubeReviews
from wao_metrics_api.auth.tokens import TokenFile
from wao_metrics_api.auth.trust import Trust, trust_of
from wao_metrics_api.auth.watch import TrustWatch
from wao_metrics_api.prediction import PredictedWatts
from wao_metrics_api.settings import Authentication, Settings
from wao_predict.errors import UsageError

KINDS = (Kind.NODE, Kind.NODE_CONFIG, Kind.NODE_METRICS)
FIRST_READINGS = 10.0  # seconds that readiness waits for every sensor to be tried once
_log = logging.getLogger(__name__)


class MetricsApiService:
    """Everything that `wao metrics-api` runs."""

    def __init__(self, server: ServerOptions, settings: Settings) -> None:
        self._server, self._settings = server, settings
        self._mode = settings.mode(server)

    async def run(self) -> None:
        """Serve until told to stop."""
        async with AsyncExitStack() as stack:
            parts = new_parts(SampleStore())
            source = await stack.enter_async_context(
                cluster(self._server, KINDS, parts.checks, component="wao-metrics-api")
            )
            collector = await stack.enter_async_context(
                collecting(
                    source,
                    parts.store,
                    networks=self._settings.endpoint_networks,
                    loopback=self._server.manifests is not None,
                    observe=collect_telemetry(parts.registry),
                )
            )
            predicted = PredictedWatts(source, parts.store, inputs_read=lambda: collector.tried_all)
            self._add_checks(parts, collector, predicted)
            standing = self._server.manifests is not None
            usage = UsageMetric(source.state, parts.store, ttl=STANDING if standing else TTL)
            stack.callback(usage.close)
            reporter = StatusReporter(source, collector, prediction=predicted.status)
            for work in (reporter.run(), predicted.run()):
                stack.push_async_callback(_cancel, asyncio.create_task(work))
            tls = tls_from_options(self._server, client_certificates=self._asks_clients)
            app = create_app(source.state, parts, families=_process_families(collector, tls))
            guarded = await stack.enter_async_context(self._guarded(app, source, tls, parts))
            await serve(guarded, self._server, parts.checks, tls=tls)

    @property
    def _asks_clients(self) -> bool:
        return self._mode is Authentication.KUBERNETES or self._settings.client_ca_file is not None

    def _add_checks(self, parts: Parts, collector: Collector, predicted: PredictedWatts) -> None:
        deadline = time.monotonic() + FIRST_READINGS

        def waits(missing: bool, reason: str) -> str | None:
            return reason if missing and time.monotonic() < deadline else None

        parts.checks.add_live("collector", collector.health)
        parts.checks.add_ready("first-readings", lambda: waits(not collector.tried_all, "sensors are still being read"))
        parts.checks.add_ready(
            "first-predictions", lambda: waits(not predicted.first_made, "no prediction was made yet")
        )

    @asynccontextmanager
    async def _guarded(
        self, app: ASGIApp, source: ClusterSource, tls: ServingTls | None, parts: Parts
    ) -> AsyncIterator[ASGIApp]:
        match self._mode:
            case Authentication.KUBERNETES:
                async with _kubernetes_guard(app, source, tls, parts) as guard:
                    yield guard
            case Authentication.FILES:
                yield _file_guard(app, self._settings, tls)
            case _:
                _log.warning("NO AUTHENTICATION: everyone who can connect to %s reads all metrics", self._server.host)
                yield app


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def _kubernetes_guard(
    app: ASGIApp, source: ClusterSource, tls: ServingTls | None, parts: Parts
) -> AsyncIterator[ASGIApp]:
    client = source.client
    if client is None or tls is None:
        raise UsageError("--authentication kubernetes needs an API server and TLS")
    watch = TrustWatch(client, lambda trust: tls.set_client_authorities(trust.authorities))
    parts.checks.add_ready("client-authorities", watch.health)
    reviews = KubeReviews(client)
    task = asyncio.create_task(watch.run())
    try:
        yield Guard(app, Authenticator(lambda: watch.trust, reviews), reviews)
    finally:
        await _cancel(task)


def _file_guard(app: ASGIApp, settings: Settings, tls: ServingTls | None) -> ASGIApp:
    tokens = None if settings.token_file is None else TokenFile(settings.token_file)
    trust = Trust() if settings.client_ca_file is None else _trust_in(settings.client_ca_file)
    if tls is not None and trust.authorities:
        tls.set_client_authorities(trust.authorities)
    return Guard(app, Authenticator(lambda: trust, tokens), AuthenticatedOnly())


def _trust_in(client_ca_file: Path) -> Trust:
    try:
        return trust_of({"client-ca-file": client_ca_file.read_text()})
    except (OSError, ValueError) as error:
        raise UsageError(f"--client-ca-file {client_ca_file}: {error}") from error


def collect_telemetry(registry: CollectorRegistry) -> Observe:
    """Return what counts and times the readings."""
    seconds = Histogram(
        "wao_collect_duration_seconds",
        "Time of one reading of a sensor.",
        ("type",),
        buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0),
        registry=registry,
    )
    errors = Counter("wao_collect_errors", "Readings that failed.", ("type", "reason"), registry=registry)
    children: dict[str, Histogram] = {}

    def observe(spec: SensorSpec, elapsed: float, kind: str) -> None:
        child = children.get(spec.type)
        if child is None:
            child = children[spec.type] = seconds.labels(spec.type)
        child.observe(elapsed)
        if kind:
            errors.labels(spec.type, kind).inc()

    return observe


def _process_families(collector: Collector, tls: ServingTls | None) -> list[SeriesFamily]:
    families = [
        SeriesFamily("wao_collector_pollers", "Sensors that are polled.", lambda: [((), float(len(collector.pollers)))])
    ]
    if tls is not None:
        families.append(
            SeriesFamily(
                "wao_serving_cert_expiry_seconds",
                "When the serving certificate expires, in seconds since the epoch.",
                lambda: [((), tls.expires_at)],
            )
        )
    return families
