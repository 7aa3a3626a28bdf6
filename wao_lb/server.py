"""The weight service as a process: starts and stops source, snapshots, weights and outputs in order."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from wao_core.cluster.records import Kind
from wao_core.health import Check
from wao_core.kube.lease import LeaderElection, lead
from wao_core.kube.source import ClusterSource
from wao_core.prediction.cooling_costs import PlantSource
from wao_core.prediction.snapshot import ClusterSnapshot
from wao_core.prediction.snapshot_loop import Inputs, deciding
from wao_core.serving.cluster import api_server, cluster
from wao_core.serving.endpoint_options import EndpointOptions
from wao_core.serving.frame import ServerFrame
from wao_core.serving.options import ServerOptions
from wao_core.serving.plants import costing
from wao_core.serving.server import serve
from wao_lb.app import create_app
from wao_lb.metrics import plan_duration
from wao_lb.outputs.cilium_writer import LEASE, CiliumMetrics, CiliumWriter
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


@dataclass(frozen=True, slots=True)
class CiliumSettings:
    """EndpointSlices for Cilium: the namespace of the Lease, and whether there are several replicas."""

    namespace: str = "wao-system"
    leader_elect: bool = True


async def run_lb(
    server: ServerOptions,
    settings: LbSettings,
    endpoints: EndpointOptions | None = None,
    *,
    agent_check_port: int | None = None,
    cilium: CiliumSettings | None = None,
    plants: PlantSource | None = None,
) -> None:
    """Serve until the process is asked to stop; with plants, weights are by what a watt costs on the nodes."""
    frame = ServerFrame.from_options("lb", server)
    ready = _once(lambda: frame.checks.ready().healthy)
    async with AsyncExitStack() as stack:
        selectors = selectors_of(settings.proxy_name)
        source = await stack.enter_async_context(cluster(server, KINDS, frame, selectors=selectors))
        book = WeightBook(source, settings, frame.tasks, planned=plan_duration(frame.registry).observe)
        stack.callback(book.close)
        standalone = server.manifests is not None
        # in a cluster only the metrics API reads sensors, as a BMC answers one request at a time
        access = (endpoints or EndpointOptions()).access(standalone=standalone)
        inputs = Inputs(metrics_api=not standalone, access=access)
        costs = await stack.enter_async_context(costing(plants, frame))

        def update(snapshot: ClusterSnapshot) -> None:
            book.update(snapshot if costs is None else costs.priced(snapshot, source.state.nodes))

        runtime = await stack.enter_async_context(deciding(source, frame.checks, update, inputs=inputs))
        frame.counts["models"] = lambda: runtime.book.models
        frame.checks.add_ready("first-weights", first_weights(runtime.first, book.first))
        if agent_check_port is not None:
            agent = AgentCheckServer(book, server.host, agent_check_port, ready=ready)
            await stack.enter_async_context(agent)
            log.info("answering HAProxy agent checks on %s port %d", server.host, agent.port)
        if cilium is not None:
            _write_slices(stack, source, book, frame, cilium, ready)
        await stack.enter_async_context(frame.tasks)
        await serve(create_app(book, frame, ready), server, frame)


def _write_slices(
    stack: AsyncExitStack,
    source: ClusterSource,
    book: WeightBook,
    frame: ServerFrame,
    settings: CiliumSettings,
    ready: Callable[[], bool],
) -> None:
    """Write EndpointSlices for Cilium while this replica leads."""
    client = api_server(source, "--cilium writes to an API server")
    metrics = CiliumMetrics(frame.registry)
    writer = CiliumWriter(source, client, book, metrics, ready=ready)
    stack.callback(writer.close)
    election = LeaderElection(client, settings.namespace, LEASE)
    metrics.leading.set_function(lambda: float(election.leading.is_set()))
    lead(frame.tasks, election, {"endpoint-slices": writer.run}, elect=settings.leader_elect)


def first_weights(first_snapshot: Check, first_plan: Check) -> Check:
    """Return a check that passes for good once the weights are planned on a snapshot with power curves.

    Weights of an earlier snapshot do not count: they are equal, and the plan on the next snapshot may be postponed.
    """
    weighted = _once(lambda: first_snapshot() is None and first_plan() is None)
    return lambda: None if weighted() else first_plan()


def _once(condition: Callable[[], bool]) -> Callable[[], bool]:
    """Return a function that is true from the first time that `condition` is: old weights are better than none."""
    seen = False

    def check() -> bool:
        nonlocal seen
        seen = seen or condition()
        return seen

    return check
