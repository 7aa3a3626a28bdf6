"""The controller as a process: it always follows the cluster, and writes only while it holds the Lease."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack

from prometheus_client import Gauge
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector
from starlette.applications import Starlette

from wao_core.certificates.serving_certificates import CertificateSettings, ServingCertificates
from wao_core.cluster.records import Kind
from wao_core.controller.reconcile import NodeConfigController
from wao_core.kube.lease import LeaderElection, lead
from wao_core.serving.cluster import api_server, cluster
from wao_core.serving.frame import ServerFrame
from wao_core.serving.options import ServerOptions
from wao_core.serving.server import serve

KINDS = (Kind.NODE, Kind.NODE_CONFIG, Kind.NODE_CONFIG_TEMPLATE)
LEASE = "wao-controller"


async def run_controller(
    server: ServerOptions, certificates: CertificateSettings, *, leader_elect: bool = True
) -> None:
    """Serve health and metrics until the process is signalled to stop; reconcile while leading."""
    frame = ServerFrame.from_options("controller", server)
    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(cluster(server, KINDS, frame))
        client = api_server(source, "the controller writes to an API server")
        controller = NodeConfigController(source, client)
        election = LeaderElection(client, certificates.namespace, LEASE)
        await stack.enter_async_context(frame.tasks)
        work: dict[str, Callable[[], Awaitable[object]]] = {"node-configs": controller.run}
        if certificates.services:
            work["serving-certificates"] = ServingCertificates(client, certificates).run
        lead(frame.tasks, election, work, elect=leader_elect)
        add_metrics(frame, election, controller)
        await serve(create_app(frame), server, frame)


def create_app(frame: ServerFrame) -> Starlette:
    """Return the controller's ASGI application: health and metrics."""
    return Starlette(routes=frame.routes())


def add_metrics(frame: ServerFrame, election: LeaderElection, controller: NodeConfigController) -> None:
    """Register the controller's own metrics."""
    leading = Gauge("wao_controller_leading", "Whether this replica holds the Lease.", registry=frame.registry)
    leading.set_function(lambda: float(election.leading.is_set()))
    frame.registry.register(_ReconcileCounters(controller))


class _ReconcileCounters(Collector):
    """The counts that the controller keeps itself."""

    def __init__(self, controller: NodeConfigController) -> None:
        self._controller = controller

    def collect(self) -> Iterable[CounterMetricFamily]:
        """Return the counters."""
        yield CounterMetricFamily(
            "wao_reconcile_rounds",
            "Comparisons of desired and existing NodeConfigs.",
            value=self._controller.reconciled,
        )
        yield CounterMetricFamily("wao_reconcile_failures", "Writes that failed.", value=self._controller.failures)
