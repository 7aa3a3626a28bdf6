"""The controller of standby as a process: it follows the cluster, and switches nodes only while it holds the Lease."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from wao_core.cluster.records import Kind
from wao_core.cluster.state import ClusterState
from wao_core.kube.client import KubeClient
from wao_core.kube.lease import LeaderElection, lead
from wao_core.kube.reflector import Reflector, StateSink
from wao_core.prediction.cooling_costs import PlantSource
from wao_core.prediction.snapshot import ClusterSnapshot
from wao_core.prediction.snapshot_loop import Inputs, deciding
from wao_core.serving.cluster import api_server, cluster
from wao_core.serving.endpoint_options import EndpointOptions
from wao_core.serving.frame import ServerFrame
from wao_core.serving.options import ServerOptions
from wao_core.serving.plants import costing
from wao_core.serving.server import serve
from wao_fleet.drain.pods import FLEET_PODS, FleetPod
from wao_fleet.standby.app import create_app
from wao_fleet.standby.controller import Parts, Policy, StandbyController
from wao_fleet.standby.energy import FleetPower
from wao_fleet.standby.kill_switch import KillSwitch
from wao_fleet.standby.measured import MeasuredPower
from wao_fleet.standby.metrics import StandbyMetrics
from wao_fleet.standby.power.switches import Switches
from wao_fleet.standby.progress_book import ProgressBook
from wao_fleet.standby.sequences import Sequences
from wao_fleet.standby.slow_facts import SlowFactsBook
from wao_fleet.standby.sources import Sources

KINDS = (Kind.NODE, Kind.NODE_CONFIG, Kind.NODE_METRICS)
"""What the source follows; Pods are followed here, with the fields that say where they may run."""
LEASE = "wao-standby"


@dataclass(frozen=True, slots=True)
class StandbyOptions:
    """How the process runs: namespaces, whether a leader is elected, which endpoints it may reach, and the plants."""

    namespace: str = "wao-system"
    secret_namespace: str = "wao-power"  # noqa: S105 - a namespace
    leader_elect: bool = True
    endpoints: EndpointOptions = EndpointOptions()  # noqa: RUF009
    plants: PlantSource | None = None


async def run_standby(server: ServerOptions, options: StandbyOptions, policy: Policy) -> None:
    """Serve health, metrics and the plan until the process is signalled to stop; switch nodes while leading."""
    frame = ServerFrame.from_options("standby", server)
    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(cluster(server, KINDS, frame))
        client = api_server(source, "wao standby needs an API server")
        access = options.endpoints.access(standalone=False)
        election = LeaderElection(client, options.namespace, LEASE)
        pods = pod_reflector(client, source.state)
        book = ProgressBook(source)
        switches = Switches(source.secret, access, secret_namespace=options.secret_namespace, permitted=election.holds)
        sequences = Sequences(source, client, switches, book, permitted=election.holds)
        power = FleetPower()
        measured = MeasuredPower(client)
        parts = Parts(
            source.state,
            book,
            sequences,
            switches,
            SlowFactsBook(client),
            KillSwitch(client, options.namespace),
            power.per_core,
            measured,
            lambda: pods.statistics.unreadable,
        )
        controller = StandbyController(parts, policy)
        await stack.enter_async_context(frame.tasks)
        frame.tasks.supervise("watch pods", pods.run)
        frame.checks.add_ready("pods", lambda: None if source.state.synced([Kind.POD]) else "not read yet: Pod")
        costs = await stack.enter_async_context(costing(options.plants, frame))

        def update_power(snapshot: ClusterSnapshot) -> None:
            factors = None if costs is None else costs.factors(snapshot, source.state.nodes)
            power.update(snapshot, source.state.node_configs.values(), factors)

        inputs = Inputs(metrics_api=True, access=access)
        await stack.enter_async_context(deciding(source, frame.checks, update_power, inputs=inputs))
        lead(frame.tasks, election, {"standby": controller.run}, elect=options.leader_elect)
        sources = Sources(controller, book, sequences, power.saved, election.leading.is_set, measured.saved)
        frame.registry.register(StandbyMetrics(sources))
        await serve(create_app(sources, frame, acting=policy.act), server, frame)


def pod_reflector(client: KubeClient, state: ClusterState) -> Reflector[FleetPod]:
    """Return what keeps the Pods of the state current."""
    return Reflector(client, FLEET_PODS, StateSink(state, Kind.POD), on_confirm=partial(state.confirm, Kind.POD))
