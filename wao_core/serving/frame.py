"""The parts that every server has: health checks, background tasks, metrics and the serving certificate."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from prometheus_client import Gauge
from starlette.routing import Route

from wao_core import tracing
from wao_core.aio import BackgroundTasks
from wao_core.health import HealthChecks
from wao_core.serving.expiry import expiry_warning
from wao_core.serving.health import health_routes
from wao_core.serving.index import index_endpoint
from wao_core.serving.metrics import SeriesFamily, metrics_endpoint, new_registry, package_version
from wao_core.serving.options import ServerOptions
from wao_core.serving.tls import ServingTls, tls_from_options


class ServerFrame:
    """The common parts of one server.

    Every application serves `routes()` and is run by `wao_core.serving.server.serve`.

    Parameters
    ----------
    component
        Name of the server in `wao_build_info`, such as "scheduler".
    tls
        The serving certificate; None serves plain HTTP.

    Attributes
    ----------
    checks
        Liveness and readiness checks.
    tasks
        Supervised background tasks; liveness fails while one of them is not running.
    registry
        Prometheus metrics; it has those of the process, the build and the certificate.
    page_url
        Address of `wao ui`, to which the path / links; empty if it is not known.
    started
        When it was made, at the start of the server, by the monotonic clock [s].
    counts
        What the server knows, by name, such as the number of nodes: for the line in the log when it is ready.
    """

    def __init__(self, component: str, tls: ServingTls | None = None) -> None:
        self.component, self.tls = component, tls
        self.checks = HealthChecks()
        self.tasks = BackgroundTasks()
        self.registry = new_registry(component)
        self.page_url, self.started = "", time.monotonic()
        self.counts: dict[str, Callable[[], int]] = {}
        self._families: list[SeriesFamily] = []
        self.checks.add_live("background-tasks", self.tasks.health)
        if tls is not None:
            expiry = Gauge(
                "wao_serving_cert_expiry_timestamp_seconds",
                "Time at which the serving certificate expires.",
                registry=self.registry,
            )
            expiry.set_function(lambda: tls.expires_at)
            self.checks.add_warning("serving-certificate", lambda: expiry_warning(tls.expires_at, time.time()))

    @classmethod
    def from_options(
        cls,
        component: str,
        options: ServerOptions,
        *,
        client_certificates: bool = False,
        client_ca: Path | None = None,
    ) -> ServerFrame:
        """Return the frame of a server with the certificate that the options name, and start its traces if they are on.

        Parameters
        ----------
        client_certificates
            Whether clients are asked for a certificate.
        client_ca
            PEM file of the authorities of client certificates; clients are asked for one.

        Raises
        ------
        UsageError
            The certificate cannot be used, or the traces cannot be sent.
        MissingExtra
            The packages for traces are not installed.
        """
        tracing.start(component, package_version())
        frame = cls(component, tls_from_options(options, client_certificates=client_certificates, client_ca=client_ca))
        frame.page_url = options.ui_url
        return frame

    def add_series(self, *families: SeriesFamily) -> None:
        """Show these families in /metrics, in addition to those in `registry`."""
        self._families.extend(families)

    def routes(self, *, index: bool = True) -> list[Route]:
        """Return the routes /healthz, /livez, /readyz and /metrics, and / with an index of the server's paths."""
        own = [Route("/", index_endpoint(self.component, self.page_url))] if index else []
        return [*own, *health_routes(self.checks), Route("/metrics", metrics_endpoint(self.registry, self._families))]
