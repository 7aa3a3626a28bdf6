"""The rebalancer as a process: every replica plans, and the one that holds the Lease acts."""

from __future__ import annotations

from contextlib import AsyncExitStack

from wao_core.cluster.records import Kind
from wao_core.kube.lease import LeaderElection, lead
from wao_core.prediction.cooling_costs import PlantSource
from wao_core.prediction.floor_history import HistorySource
from wao_core.prediction.snapshot_loop import Cadence, Inputs, deciding
from wao_core.serving.cluster import api_server, cluster
from wao_core.serving.endpoint_options import EndpointOptions
from wao_core.serving.frame import ServerFrame
from wao_core.serving.options import ServerOptions
from wao_core.serving.plants import costing
from wao_core.serving.server import serve
from wao_fleet.freshness import doubt_about_state
from wao_fleet.rebalance.app import create_app
from wao_fleet.rebalance.metrics import RebalanceMetrics
from wao_fleet.rebalance.pod_table import PodTable, follow_pods
from wao_fleet.rebalance.rebalancer import Rebalancer
from wao_fleet.rebalance.settings import COMPONENT, RebalanceSettings

KINDS = (Kind.NODE, Kind.NODE_CONFIG, Kind.NODE_METRICS, Kind.POD_METRICS)
WATCHED = (Kind.NODE, Kind.NODE_CONFIG)
"""Kinds that must be current; samples of CPU use have a time of their own."""


async def run_rebalance(
    server: ServerOptions,
    settings: RebalanceSettings,
    endpoints: EndpointOptions,
    *,
    leader_elect: bool = True,
    metrics_period: float = 15.0,
    plants: PlantSource | None = None,
    history: HistorySource | None = None,
) -> None:
    """Plan, and serve the plan, until the process is signalled to stop; act while leading.

    Parameters
    ----------
    metrics_period
        Time between two reads of metrics.k8s.io and of the metrics API [s].
    plants
        Cooling plants and prices, which count too; default: none.
    history
        Where the nodes' earlier CPU use is, for their floors; default: they begin at the present loads.
    """
    frame = ServerFrame.from_options("rebalance", server)
    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(cluster(server, KINDS, frame, period=metrics_period))
        client = api_server(source, "the rebalancer evicts Pods of an API server")
        access = endpoints.access(standalone=False)
        cadence = Cadence(metrics=metrics_period)
        inputs = Inputs(metrics_api=True, access=access, history=history)
        runtime = await stack.enter_async_context(
            deciding(source, frame.checks, lambda snapshot: None, cadence=cadence, inputs=inputs)
        )
        table = PodTable()
        pods = follow_pods(client, table)
        metrics = RebalanceMetrics(frame.registry)

        def doubt() -> str:
            """Return why the cluster is not known well enough, or an empty string."""
            ages = {kind.value: source.state.age(kind) for kind in WATCHED} | {"Pod": pods.statistics.age}
            return runtime.first() or doubt_about_state(ages)

        frame.checks.add_ready("pods", lambda: None if pods.synced.is_set() else "the Pods are not read yet")
        costs = await stack.enter_async_context(costing(plants, frame))
        election = LeaderElection(client, settings.namespace, COMPONENT)
        leading = election.leading.is_set
        rebalancer = Rebalancer(
            source,
            client,
            table,
            settings,
            metrics,
            lambda: runtime.snapshot,
            leading=leading,
            costs=costs,
            doubt=doubt,
        )
        metrics.leading.set_function(lambda: float(leading()))
        await stack.enter_async_context(frame.tasks)
        frame.tasks.supervise("watch pods", pods.run)
        lead(frame.tasks, election, {"rebalancing": rebalancer.lead}, elect=leader_elect)
        frame.tasks.supervise("planning", rebalancer.follow)
        await serve(create_app(rebalancer, frame), server, frame)
