"""The controller as a process: it follows the cluster always, and writes while it holds the Lease."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wao_core.certificates.serving_certificates import CertificateSettings, ServingCertificates
from wao_core.cluster.records import Kind
from wao_core.controller.reconcile import NodeConfigController
from wao_core.health import HealthChecks
from wao_core.kube.lease import LeaderElection
from wao_core.serving.cluster import cluster
from wao_core.serving.health import health_routes
from wao_core.serving.options import ServerOptions
from wao_core.serving.server import serve
from wao_predict import UsageError

KINDS = (Kind.NODE, Kind.NODE_CONFIG, Kind.NODE_CONFIG_TEMPLATE)
LEASE = "wao-controller"


async def run_controller(
    server: ServerOptions, certificates: CertificateSettings, *, leader_elect: bool = True
) -> None:
    """Serve health and metrics until told to stop; reconcile while leading."""
    checks, registry = HealthChecks(), CollectorRegistry()
    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(cluster(server, KINDS, checks, component="wao-controller"))
        client = source.client
        if client is None:
            raise UsageError("the controller writes to an API server: give --kubeconfig FILE, not --manifests")
        controller = NodeConfigController(source, client)
        identity = f"{socket.gethostname()}_{os.getpid()}"
        election = LeaderElection(client, certificates.namespace, LEASE, identity)
        if leader_elect:
            await _background(stack, election.run())
        else:
            election.leading.set()
            election.lost.clear()
        work = [controller.run]
        if certificates.services:
            work.append(ServingCertificates(client, certificates).run)
        await _background(stack, _while_leading(election, work))
        _gauges(registry, election, controller)

        async def metrics(request: Request) -> Response:
            return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")

        await serve(Starlette(routes=[*health_routes(checks), Route("/metrics", metrics)]), server, checks)


async def _while_leading(election: LeaderElection, work: Sequence[Callable[[], Coroutine[Any, Any, None]]]) -> None:
    """Run all of `work` while we lead; an error in one ends the process, which starts anew."""
    while True:
        await election.leading.wait()
        tasks: list[asyncio.Task[Any]] = [asyncio.create_task(each()) for each in work]
        lost = asyncio.create_task(election.lost.wait())
        try:
            await asyncio.wait([*tasks, lost], return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in (*tasks, lost):
                task.cancel()
            await asyncio.gather(*tasks, lost, return_exceptions=True)


async def _background(stack: AsyncExitStack, work: object) -> None:
    assert asyncio.iscoroutine(work)
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(end)


def _gauges(registry: CollectorRegistry, election: LeaderElection, controller: NodeConfigController) -> None:
    leading = Gauge("wao_controller_leading", "Whether this replica holds the Lease.", registry=registry)
    leading.set_function(lambda: float(election.leading.is_set()))
    rounds = Gauge("wao_reconcile_rounds", "Comparisons made.", registry=registry)
    rounds.set_function(lambda: float(controller.reconciled))
    failures = Gauge("wao_reconcile_failures", "Writes that failed.", registry=registry)
    failures.set_function(lambda: float(controller.failures))
