"""The metrics API as a process: starts and stops source, collector, application and guard in order."""

from __future__ import annotations

import logging
import time
from contextlib import AsyncExitStack
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp

from wao_core.cluster.records import Kind
from wao_core.collector.collecting import collecting
from wao_core.collector.collector import Collector
from wao_core.collector.endpoints import connecting
from wao_core.collector.failures import log_failures
from wao_core.collector.poller import Attempt, Observe
from wao_core.collector.proposals import ModelProposals, hardware_reader
from wao_core.collector.reporting import StatusReporter
from wao_core.collector.store import SampleStore
from wao_core.collector.usage import STANDING, TTL, UsageMetric
from wao_core.kube.source import ClusterSource
from wao_core.serving.auth.authentication import Authenticator
from wao_core.serving.auth.authorization import AccessReviewer, AuthenticatedOnly
from wao_core.serving.auth.guard import Guard
from wao_core.serving.auth.reviews import KubeReviews
from wao_core.serving.auth.tokens import TokenFile
from wao_core.serving.auth.trust import Trust, trust_of
from wao_core.serving.auth.watch import TrustWatch
from wao_core.serving.cluster import cluster
from wao_core.serving.endpoint_options import EndpointOptions
from wao_core.serving.frame import ServerFrame
from wao_core.serving.metrics import SeriesFamily
from wao_core.serving.options import ServerOptions
from wao_core.serving.server import serve
from wao_core.serving.tls import ServingTls
from wao_metrics_api.app import create_app
from wao_metrics_api.attributes import attributes_of
from wao_metrics_api.delegate import Delegate
from wao_metrics_api.metrics import confidence_family, correction_families
from wao_metrics_api.prediction import PredictedWatts
from wao_metrics_api.responses import send_status
from wao_metrics_api.settings import Authentication, DelegateSettings, Settings
from wao_predict.connection import HttpOptions, TlsPolicy
from wao_predict.errors import UsageError
from wao_predict.plugins import sensor_types
from wao_predict.transport import AsyncHttpTransport

KINDS = (Kind.NODE, Kind.NODE_CONFIG, Kind.NODE_METRICS)
FIRST_READINGS = 10.0  # seconds that readiness waits for one attempt to read every sensor
LABELLED_NODES = 5000  # nodes with series of their own for failed readings; further ones count as "other"
_log = logging.getLogger(__name__)


async def run_metrics_api(server: ServerOptions, settings: Settings, endpoints: EndpointOptions | None = None) -> None:
    """Serve until the process is signalled to stop."""
    mode = settings.mode(server)
    asks_clients = mode is Authentication.KUBERNETES or settings.client_ca_file is not None
    frame = ServerFrame.from_options("metrics-api", server, client_certificates=asks_clients)
    store, standalone = SampleStore(), server.manifests is not None
    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(cluster(server, KINDS, frame))
        access = (endpoints or EndpointOptions()).access(standalone=standalone)
        connections = await stack.enter_async_context(connecting(source.secret, access))
        collector = await stack.enter_async_context(
            collecting(source, store, connections, observe=collect_telemetry(frame.registry))
        )
        predicted = PredictedWatts(source, store, connections, inputs_read=lambda: collector.tried_all)
        stack.push_async_callback(predicted.close)
        _add_checks(frame, collector, predicted)
        stack.callback(UsageMetric(source.state, store, ttl=STANDING if standalone else TTL).close)
        tasks = await stack.enter_async_context(frame.tasks)
        proposals = ModelProposals(source, hardware_reader(connections))
        if not standalone:  # files have no status
            reporter = StatusReporter(
                source,
                collector,
                prediction=predicted.status,
                proposal=proposals.condition,
                calibration=predicted.calibrations.report,
            )
            tasks.supervise("status", reporter.run)
        tasks.supervise("model-proposals", proposals.run)
        tasks.supervise("predictions", predicted.run)
        tasks.supervise("failing-sensors", lambda: log_failures(collector.pollers.values))
        delegate = None
        if settings.delegate is not None:
            delegate = _delegate(settings.delegate, frame, stack)
            tasks.supervise("delegate", delegate.run)
        app = create_app(source.state, store, frame, delegate=delegate)
        match mode:
            case Authentication.KUBERNETES:
                app = _kubernetes_guard(app, source, frame)
            case Authentication.FILES:
                app = _file_guard(app, settings, frame.tls)
            case _:
                _log.warning("NO AUTHENTICATION: anyone who can connect to %s can read all metrics", server.host)
        await serve(app, server, frame)


def _delegate(settings: DelegateSettings, frame: ServerFrame, stack: AsyncExitStack) -> Delegate:
    tls = TlsPolicy(ca_file=settings.ca_file, fingerprint=settings.fingerprint)
    # one attempt: an autoscaler asks again by itself, and waits meanwhile
    transport = AsyncHttpTransport(settings.url, tls=tls, options=HttpOptions(attempts=1))
    stack.push_async_callback(transport.close)
    delegate = Delegate(transport, name=settings.url, registry=frame.registry, token_file=settings.token_file)
    frame.checks.add_ready(
        "delegate", lambda: None if delegate.tried else "the delegate's metrics have not been read yet"
    )
    return delegate


def _add_checks(frame: ServerFrame, collector: Collector, predicted: PredictedWatts) -> None:
    deadline = time.monotonic() + FIRST_READINGS

    def waits(missing: bool, reason: str) -> str | None:
        return reason if missing and time.monotonic() < deadline else None

    frame.counts["sensors"] = lambda: len(collector.pollers)
    frame.checks.add_live("collector", collector.health)
    frame.checks.add_warning("pollers", collector.failed_pollers)
    frame.checks.add_ready(
        "first-readings", lambda: waits(not collector.tried_all, "not all sensors have been read yet")
    )
    frame.checks.add_ready(
        "first-predictions", lambda: waits(not predicted.first_made, "no prediction has been made yet")
    )
    frame.add_series(
        confidence_family(lambda: collector.pollers.values()),
        *correction_families(predicted.calibrations.corrections),
        SeriesFamily(
            "wao_collector_pollers", "Sensors that are polled.", lambda: [((), float(len(collector.pollers)))]
        ),
    )


def _kubernetes_guard(app: ASGIApp, source: ClusterSource, frame: ServerFrame) -> Guard:
    client, tls = source.client, frame.tls
    if client is None or tls is None:
        raise UsageError("--authentication kubernetes needs an API server and TLS")
    watch = TrustWatch(client, lambda trust: tls.set_client_authorities(trust.authorities))
    frame.checks.add_ready("client-authorities", watch.health)
    frame.tasks.supervise("client-authorities", watch.run)
    reviews = KubeReviews(client)
    return _guard(app, Authenticator(lambda: watch.trust, reviews), reviews)


def _file_guard(app: ASGIApp, settings: Settings, tls: ServingTls | None) -> Guard:
    tokens = None if settings.token_file is None else TokenFile(settings.token_file)
    trust = Trust() if settings.client_ca_file is None else _trust_in(settings.client_ca_file)
    if tls is not None and trust.authorities:
        tls.set_client_authorities(trust.authorities)
    return _guard(app, Authenticator(lambda: trust, tokens), AuthenticatedOnly())


def _guard(app: ASGIApp, authenticator: Authenticator, reviewer: AccessReviewer) -> Guard:
    return Guard(app, authenticator, reviewer, attributes=attributes_of, refuse=send_status)


def _trust_in(client_ca_file: Path) -> Trust:
    try:
        return trust_of({"client-ca-file": client_ca_file.read_text()})
    except (OSError, ValueError) as error:
        raise UsageError(f"--client-ca-file {client_ca_file}: {error}") from error


def collect_telemetry(registry: CollectorRegistry) -> Observe:
    """Return a function that counts and times readings in `registry`."""
    seconds = Histogram(
        "wao_collect_duration_seconds",
        "Duration of one reading of a sensor.",
        ("type",),
        buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0),
        registry=registry,
    )
    errors = Counter("wao_collect_errors", "Readings that failed.", ("type", "reason", "node"), registry=registry)
    children: dict[str, Histogram] = {}
    nodes: set[str] = set()
    types = frozenset(sensor_types())  # a NodeConfig may name any other type

    def observe(attempt: Attempt) -> None:
        kind = attempt.spec.endpoint.type if attempt.spec.endpoint.type in types else "unknown"
        child = children.get(kind)
        if child is None:
            child = children[kind] = seconds.labels(kind)
        child.observe(attempt.seconds)
        if attempt.failure:
            node = attempt.node
            if node not in nodes and len(nodes) < LABELLED_NODES:
                nodes.add(node)
            errors.labels(kind, attempt.failure, node if node in nodes else "other").inc()

    return observe
