"""The node agent: node view, weights, sync, health ports and Events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from wao_core.aio import BackgroundTasks
from wao_core.cluster.records import Service
from wao_core.cluster.source import ObjectRef, Source
from wao_lb.agent.family import FAMILIES, Family
from wao_lb.agent.health_ports import HealthPorts, LocalEndpoints
from wao_lb.agent.linux.kernel import Kernel
from wao_lb.agent.metrics import AgentMetrics
from wao_lb.agent.model import Weights
from wao_lb.agent.sync import Syncer, SyncIntervals
from wao_lb.agent.view import NodeSettings, NodeView
from wao_lb.agent.weights_client import WeightsClient, WeightsError, WeightsProblem
from wao_predict.connection import TlsPolicy
from wao_predict.printable import say

log = logging.getLogger(__name__)

FIRST_WEIGHTS_TIMEOUT = 2.0
"""Seconds that the first sync waits for weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOptions:
    """The options of `wao lb-agent`, apart from the options of the server."""

    node: NodeSettings
    intervals: SyncIntervals
    weights_url: str = ""
    weights_ca: Path | None = None
    weights_stale: float = 60.0


class Agent:
    """The node agent.

    Parameters
    ----------
    source
        Source of Services, EndpointSlices and the node.
    """

    def __init__(
        self,
        source: Source,
        kernel: Kernel,
        options: AgentOptions,
        *,
        metrics: AgentMetrics | None = None,
        families: list[Family] | None = None,
    ) -> None:
        self._source = source
        self._reported: dict[str, str] = {}
        self._ineligible: str | None = None
        self._events = BackgroundTasks()
        self.view = NodeView(source.state, options.node)
        self.metrics = metrics or AgentMetrics()
        self.ports = HealthPorts(self._is_healthy)
        self.syncer = Syncer(
            self.view,
            kernel,
            self.known_weights,
            families=families or FAMILIES,
            intervals=options.intervals,
            metrics=self.metrics,
            after=self._after,
        )
        self.view.notify(self.syncer.note_change)
        self.client = self._client(options) if options.weights_url else None
        if self.client is not None:
            client = self.client
            self.metrics.weights_age.set_function(lambda: client.age)
            self.metrics.weighted.set_function(client.known)
            for reason in WeightsProblem:
                self.metrics.equal.labels(reason).set_function(partial(_is, client, reason))

    def work(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Return the background tasks by name; each runs until it is cancelled."""
        tasks = {"sync": self._sync, "health-ports": self.ports.run}
        return {**tasks, **({} if self.client is None else {"weights": self.client.run})}

    def weights_state(self) -> str:
        """Return the origin of the weights, in words without internal details."""
        if self.client is None:
            return "equal: no weight service is configured"
        return f"equal: {self.client.fallback}" if self.client.fallback else "of the weight service"

    def known_weights(self) -> Weights:
        """Return the currently known weights."""
        return self.client.weights() if self.client is not None else {}

    async def _sync(self) -> None:
        """Sync until cancelled; wait shortly for weights first, so that a restart does not make them equal."""
        if self.client is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(FIRST_WEIGHTS_TIMEOUT):
                    await self.client.caught_up.wait()
        await self.syncer.run()

    async def read_weights(self) -> None:
        """Read the weights once; print a warning and use equal weights if that fails."""
        if self.client is None:
            return
        try:
            await self.client.once()
        except WeightsError as error:
            say(f"{error}; weights are equal")

    async def close(self) -> None:
        """Stop the health ports; the rules stay."""
        self.view.close()
        await self._events.close()
        await self.ports.close()

    def _is_healthy(self) -> bool:
        return self.syncer.health() is None and self.view.ineligible() is None

    def _client(self, options: AgentOptions) -> WeightsClient:
        return WeightsClient(
            options.weights_url,
            TlsPolicy(ca_file=options.weights_ca),
            self.view.services,
            on_change=self.syncer.note_weights,
            on_failure=self.metrics.weight_failures.inc,
            stale_after=options.weights_stale,
        )

    async def _after(self, services: Mapping[str, Service], wrong: Mapping[str, str]) -> None:
        self._report_ineligible()
        if self.client is not None:
            self.client.note_services()
        wanted = {
            service.health_check_node_port: LocalEndpoints(
                service.namespace, service.name, self.view.local_ready(service)
            )
            for service in services.values()
            if service.health_check_node_port
            and service.type == "LoadBalancer"
            and service.external_traffic_policy == "Local"
        }
        failed = await self.ports.update(wanted)
        failed_services = {f"{wanted[port].namespace}/{wanted[port].name}": why for port, why in failed.items()}
        self._report(failed_services | dict(wrong))

    def _report_ineligible(self) -> None:
        """Log once why load balancers should not use this node."""
        before, self._ineligible = self._ineligible, self.view.ineligible()
        if self._ineligible is not None and self._ineligible != before:
            log.warning("Node %s: %s; /healthz fails", self.view.settings.node_name, self._ineligible)

    def _report(self, wrong: Mapping[str, str]) -> None:
        """Report each new problem once, as a Warning Event on the Service."""
        for key, why in wrong.items():
            if self._reported.get(key) == why:
                continue
            service = self._source.state.services.get(key)
            namespace, _, name = key.partition("/")
            about = ObjectRef("Service", name, namespace, service.uid if service is not None else "")
            event = self._source.event(about, reason="NotProxied", message=why, warning=True)
            self._events.spawn(f"event on {key}", event)
        self._reported = dict(wrong)


def _is(client: WeightsClient, reason: WeightsProblem) -> float:
    return float(client.fallback is reason)
