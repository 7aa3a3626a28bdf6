"""The applications of all servers, filled with a small cluster, and any of them on a socket of its own."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

from starlette.types import ASGIApp

from tests.fakes.agent_bench import Bench
from tests.fakes.extender import Extender
from tests.fakes.lb_cluster import Cluster
from tests.fakes.rebalance_site import RebalanceSite
from tests.fakes.snapshots import snapshot
from wao_core.cluster.records import Kind, Node, NodeConfig, SensorTerm
from wao_core.cluster.state import ClusterState
from wao_core.collector.store import Sample, SampleStore
from wao_core.controller.server import create_app as controller_app
from wao_core.kube.client import KubeClient
from wao_core.serving.frame import ServerFrame
from wao_core.serving.server import Server
from wao_fleet.rebalance.app import create_app as rebalance_app
from wao_fleet.rebalance.metrics import RebalanceMetrics
from wao_fleet.rebalance.rebalancer import Rebalancer
from wao_fleet.rebalance.settings import RebalanceSettings
from wao_fleet.standby.app import create_app as standby_app
from wao_fleet.standby.controller import Parts, Policy, StandbyController
from wao_fleet.standby.sources import Sources
from wao_lb.agent.app import create_app as agent_app
from wao_lb.app import create_app as lb_app
from wao_metrics_api.app import create_app as metrics_api_app
from wao_predict.endpoint import Endpoint
from wao_scheduler.app import create_app as scheduler_app


def _metrics_api(frame: ServerFrame) -> ASGIApp:
    state, store = ClusterState(), SampleStore()
    state.put(Kind.NODE, Node(name="n1", labels={"zone": "a"}))
    terms = {metric: SensorTerm(Endpoint("Redfish", "")) for metric in ("inlet_temp", "delta_p")}
    state.put(Kind.NODE_CONFIG, NodeConfig(name="n1", namespace="wao", node_name="n1", metrics=terms))
    store.put("n1", "inlet_temp", Sample(22.5, time.time(), ttl=1e9, source="Redfish"))
    store.fail("n1", "delta_p", "no answer in 8 s", ttl=60)
    return metrics_api_app(state, store, frame)


def _scheduler(frame: ServerFrame) -> ASGIApp:
    extender = Extender()
    extender.engine.update(snapshot(["a", "b"], slopes=[2.0, 1.0]))
    return scheduler_app(extender.engine, extender.source, frame)


def _lb(frame: ServerFrame) -> ASGIApp:
    return lb_app(Cluster().book, frame)


def _rebalance(frame: ServerFrame) -> ASGIApp:
    site = RebalanceSite({"a": 1, "b": 5})
    metrics, client = RebalanceMetrics(frame.registry), cast(KubeClient, None)  # no request of a client needs it
    settings = RebalanceSettings()
    return rebalance_app(
        Rebalancer(site.source, client, site.table, settings, metrics, site.snapshot, leading=bool), frame
    )


def _standby(frame: ServerFrame) -> ASGIApp:
    parts = cast(Parts, SimpleNamespace(state=ClusterState()))  # no request of a client needs more
    sources = SimpleNamespace(controller=StandbyController(parts, Policy()), leading=lambda: False)
    return standby_app(cast(Sources, sources), frame, acting=False)


APPS: dict[str, Callable[[ServerFrame], ASGIApp]] = {
    "controller": controller_app,
    "metrics-api": _metrics_api,
    "scheduler": _scheduler,
    "lb": _lb,
    "rebalance": _rebalance,
    "standby": _standby,
    "lb-agent": lambda frame: agent_app(Bench().syncer, lambda: "equal", frame),
}


class _Errors(logging.Handler):
    """Keeps what is logged with a traceback."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.found.append(logging.Formatter().format(record))


@dataclass
class Served:
    """A server on a port of loopback; `errors` are the log entries with a traceback."""

    port: int
    errors: list[str] = field(default_factory=list)

    def exchange(self, request: bytes, *, timeout: float = 20.0) -> bytes:
        """Send bytes on a new connection and return what the server sends until it closes."""
        received = bytearray()
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as client:
            try:
                client.sendall(request)
                client.shutdown(socket.SHUT_WR)
                while part := client.recv(65536):
                    received += part
            except (ConnectionResetError, BrokenPipeError):
                pass
        return bytes(received)


@contextmanager
def served(name: str) -> Iterator[Served]:
    """Serve an application with the protocol and the limits of our servers, in a thread."""
    ready, done = threading.Event(), threading.Event()
    errors = _Errors()
    found: list[Served] = []

    async def main() -> None:
        frame = ServerFrame(name)
        async with frame.tasks, Server(APPS[name](frame), checks=frame.checks) as server:
            found.append(Served(int(server.url.rpartition(":")[2]), errors.found))
            ready.set()
            await asyncio.to_thread(done.wait)

    logging.getLogger().addHandler(errors)
    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    try:
        assert ready.wait(30), "the server did not start"
        yield found[0]
    finally:
        done.set()
        thread.join(30)
        logging.getLogger().removeHandler(errors)
