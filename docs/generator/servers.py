"""The pages of metrics and HTTP APIs, from the servers themselves.

The applications that run without a cluster are started on examples/fleet; their /metrics and OpenAPI documents are read
over HTTP. Others need an API server, the node agent nftables, and the page a browser: their registries are filled here.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from prometheus_client import CollectorRegistry, generate_latest

from docs.generator.http import http_page
from docs.generator.metrics import metrics_page
from wao_core.cluster.state import ClusterState
from wao_core.controller.reconcile import NodeConfigController
from wao_core.controller.server import add_metrics
from wao_core.kube.lease import LeaderElection
from wao_core.kube.statistics import CollectionMetrics
from wao_core.prediction.cooling_costs import PlantSource
from wao_core.serving.frame import ServerFrame
from wao_core.serving.options import ServerOptions
from wao_core.serving.plants import CostCollector
from wao_demo.apps import App, apps
from wao_fleet.rebalance.app import create_app
from wao_fleet.rebalance.metrics import RebalanceMetrics
from wao_fleet.rebalance.pod_table import PodTable
from wao_fleet.rebalance.rebalancer import Rebalancer
from wao_fleet.rebalance.settings import RebalanceSettings
from wao_fleet.standby.app import create_app as create_standby_app
from wao_fleet.standby.controller import Policy, StandbyController
from wao_fleet.standby.energy import FleetPower
from wao_fleet.standby.metrics import StandbyMetrics
from wao_fleet.standby.progress_book import ProgressBook
from wao_fleet.standby.sequences import Sequences
from wao_fleet.standby.sources import Sources
from wao_lb.agent.metrics import AgentMetrics
from wao_lb.outputs.cilium_writer import CiliumMetrics
from wao_metrics_api.delegate import Delegate
from wao_predict.connection import HttpOptions, TlsPolicy
from wao_predict.flow import Request
from wao_predict.transport import AsyncHttpTransport
from wao_ui.metrics import open_pages, picture_duration

if TYPE_CHECKING:
    from wao_core.cluster.source import Source
    from wao_core.kube.client import KubeClient
    from wao_core.kube.source import ClusterSource
    from wao_fleet.standby.controller import Parts
    from wao_fleet.standby.power.switches import Switches
    from wao_predict.flow import AsyncTransport

EXAMPLES = Path(__file__).parents[2] / "examples"
FLEET, PLANTS = EXAMPLES / "fleet", EXAMPLES / "start" / "plant.yaml"
WITH_PLANTS = ("scheduler", "lb", "rebalance", "standby")
"""Servers that count cooling and prices if they have a plant file."""


@dataclass(frozen=True)
class Server:
    """What one server publishes: its metrics in the text format, and its OpenAPI document if it has one."""

    metrics: str
    openapi: Mapping[str, Any] = field(default_factory=dict)


def read_servers() -> dict[str, Server]:
    """Return every server by its command."""
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(_running(Path(folder)))
        options = ServerOptions(self_signed_dir=Path(folder))
        servers = {
            **found,
            "lb-agent": _agent(options),
            "controller": _controller(options),
            "rebalance": _rebalance(options),
            "standby": _standby(options),
            "ui": _ui(options),
        }
    costs = _costs()
    optional = {"metrics-api": _delegate()} | dict.fromkeys(WITH_PLANTS, costs) | {"lb": costs + _cilium()}
    with_optional = {
        name: replace(servers[name], metrics=servers[name].metrics + more) for name, more in optional.items()
    }
    return servers | with_optional


def servers_pages(servers: Mapping[str, Server]) -> dict[str, str]:
    """Return the pages by file name."""
    return {
        "metrics.md": metrics_page({name: server.metrics for name, server in servers.items()}, _watches()),
        "http.md": http_page({name: server.openapi for name, server in servers.items()}),
    }


async def _running(folder: Path) -> dict[str, Server]:
    async with apps(FLEET, folder) as started:
        return {name: await _read(app) for name, app in started.items()}


async def _read(app: App) -> Server:
    tls = TlsPolicy(ca_file=app.certificate)
    transport = AsyncHttpTransport(app.url, tls=tls, options=HttpOptions(timeout=30.0))
    try:
        metrics = await transport.send(Request("GET", "/metrics"))
        openapi = await transport.send(Request("GET", "/openapi.json"))
    finally:
        await transport.close()
    return Server(metrics.body.decode(), json.loads(openapi.body) if openapi.status == 200 else {})


def _costs() -> str:
    """Return the metrics of servers that have a plant file."""
    registry = CollectorRegistry()
    registry.register(CostCollector(PlantSource(PLANTS, "room").costs()))
    return generate_latest(registry).decode()


def _cilium() -> str:
    """Return the metrics of `wao lb --cilium`."""
    registry = CollectorRegistry()
    CiliumMetrics(registry)
    return generate_latest(registry).decode()


def _delegate() -> str:
    """Return the metrics of a metrics API that forwards requests to another adapter."""
    registry = CollectorRegistry()
    Delegate(cast("AsyncTransport", SimpleNamespace()), name="", registry=registry)
    return generate_latest(registry).decode()


def _agent(options: ServerOptions) -> Server:
    frame = ServerFrame.from_options("lb-agent", options)
    AgentMetrics(frame.registry)
    return Server(generate_latest(frame.registry).decode())


def _controller(options: ServerOptions) -> Server:
    frame = ServerFrame.from_options("controller", options)
    source, client = SimpleNamespace(state=ClusterState()), SimpleNamespace()  # neither is used to list the metrics
    election = LeaderElection(cast("KubeClient", client), "", "", "")
    add_metrics(frame, election, NodeConfigController(cast("Source", source), cast("KubeClient", client)))
    return Server(generate_latest(frame.registry).decode())


def _rebalance(options: ServerOptions) -> Server:
    frame = ServerFrame.from_options("rebalance", options)
    source, client = cast("ClusterSource", SimpleNamespace()), cast("KubeClient", SimpleNamespace())
    metrics = RebalanceMetrics(frame.registry)
    rebalancer = Rebalancer(source, client, PodTable(), RebalanceSettings(), metrics, lambda: None, leading=bool)
    return Server(generate_latest(frame.registry).decode(), create_app(rebalancer, frame).openapi())


def _standby(options: ServerOptions) -> Server:
    frame = ServerFrame.from_options("standby", options)
    parts = SimpleNamespace(state=ClusterState())
    controller = StandbyController(cast("Parts", parts), Policy())
    source, client = cast("Source", SimpleNamespace()), cast("KubeClient", SimpleNamespace())
    book = ProgressBook(source)
    sequences = Sequences(source, client, cast("Switches", SimpleNamespace()), book)
    sources = Sources(controller, book, sequences, FleetPower().saved, lambda: False)
    frame.registry.register(StandbyMetrics(sources))
    openapi = create_standby_app(sources, frame, acting=False).openapi()
    return Server(generate_latest(frame.registry).decode(), openapi)


def _ui(options: ServerOptions) -> Server:
    frame = ServerFrame.from_options("ui", options)
    open_pages(frame.registry, lambda: 0.0)
    picture_duration(frame.registry)
    return Server(generate_latest(frame.registry).decode())


def _watches() -> str:
    registry = CollectorRegistry()
    registry.register(CollectionMetrics(lambda: ()))
    return generate_latest(registry).decode()
