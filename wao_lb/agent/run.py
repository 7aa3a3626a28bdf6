"""The node agent as a process: cluster, weights, rules and health, started and stopped in order."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from wao_core.records import Kind, Service
from wao_core.serving.cluster import Selectors, cluster
from wao_core.serving.health import HealthChecks
from wao_core.serving.metrics import new_registry
from wao_core.serving.options import ServerOptions
from wao_core.serving.server import serve
from wao_core.source.base import ObjectRef, Source
from wao_lb.agent.app import create_app
from wao_lb.agent.family import FAMILIES, Family
from wao_lb.agent.gauges import AgentMetrics
from wao_lb.agent.health_ports import HealthPorts, LocalEndpoints
from wao_lb.agent.kernel import Kernel, LinuxKernel
from wao_lb.agent.model import Weights
from wao_lb.agent.nft import NftError
from wao_lb.agent.script import delete_tables
from wao_lb.agent.sync import Pace, Syncer
from wao_lb.agent.table import Table, merge
from wao_lb.agent.view import KINDS, NodeSettings, NodeView
from wao_lb.agent.weights_client import WeightsClient, WeightsError
from wao_lb.settings import HEADLESS_LABEL, PROXY_LABEL
from wao_predict._errors import UsageError
from wao_predict.connection import TlsPolicy

COMPONENT = "wao-lb-agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOptions:
    """What `wao lb-agent` was asked for, beside the server's options."""

    node: NodeSettings
    pace: Pace
    weights_url: str = ""
    weights_ca: Path | None = None
    weights_stale: float = 60.0


def selectors(settings: NodeSettings) -> Selectors:
    """Return what restricts the watches: our Services, this node, and no headless Service's slices.

    Slices are not chosen by the proxy label: those made by hand do not carry it.
    """
    return {
        Kind.SERVICE: (("labelSelector", f"{PROXY_LABEL}={settings.proxy_name},!{HEADLESS_LABEL}"),),
        Kind.ENDPOINT_SLICE: (("labelSelector", f"!{HEADLESS_LABEL}"),),
        Kind.NODE: (("fieldSelector", f"metadata.name={settings.node_name}"),),
    }


async def run_agent(server: ServerOptions, options: AgentOptions) -> None:
    """Serve until told to stop; the rules stay in the kernel."""
    async with AsyncExitStack() as stack:
        checks, registry = HealthChecks(), new_registry("lb-agent")
        kernel = LinuxKernel()
        families = await usable_families(kernel)
        source = await stack.enter_async_context(
            cluster(server, KINDS, checks, component=COMPONENT, selectors=selectors(options.node))
        )
        agent = Agent(source, kernel, options, metrics=AgentMetrics(registry), families=families)
        stack.push_async_callback(agent.close)
        checks.add_live("sync", agent.syncer.health)
        checks.add_ready("first-sync", lambda: None if agent.syncer.synced else "the rules are not written yet")
        for work in agent.work():
            await stack.enter_async_context(_background(work))
        await serve(create_app(agent.syncer, checks, registry), server, checks)


async def run_once(server: ServerOptions, options: AgentOptions) -> None:
    """Write the rules once."""
    kernel = LinuxKernel()
    families = await usable_families(kernel)
    async with _read_once(server, options) as source:
        agent = Agent(source, kernel, options, families=families)
        await agent.read_weights()
        try:
            await agent.syncer.sync()
            if any(table.retired for table in agent.syncer.tables.values()):
                await asyncio.sleep(2.0)  # kernels before 6.2 need a while between emptying and deleting
                await agent.syncer.sweep()
        except NftError as error:
            raise UsageError(str(error)) from error
        await agent.close()


async def print_rules(server: ServerOptions, options: AgentOptions) -> None:
    """Write the rules to standard output as commands of `nft -f`."""
    async with _read_once(server, options) as source:
        agent = Agent(source, LinuxKernel(), options)
        await agent.read_weights()
        sys.stdout.write(ruleset(agent.view, agent.known_weights()))


def ruleset(view: NodeView, weights: Weights) -> str:
    """Return the commands that make all tables."""
    services = view.services()
    setups = {family: view.setup(family) for family in FAMILIES}
    made = {key: view.rules(service, setups) for key, service in services.items()}
    parts = []
    for family, setup in setups.items():
        wanted = {key: rules[family] for key, rules in made.items()}
        parts.append(Table(setup).load(wanted, merge(wanted, services)[0], weights).text)
    return "".join(parts)


async def clean_up() -> None:
    """Delete our tables and nothing else."""
    try:
        await LinuxKernel().apply(delete_tables(FAMILIES))
    except NftError as error:
        raise UsageError(str(error)) from error


async def usable_families(kernel: Kernel) -> list[Family]:
    """Return the families that this machine can serve.

    Raises
    ------
    UsageError
        There is none, and what is missing.
    """
    found, missing = [], []
    for family in FAMILIES:
        try:
            lacks = await kernel.preflight(family)
        except NftError as error:
            raise UsageError(str(error)) from error
        if lacks:
            missing.append(f"{family.address_type}: {'; '.join(lacks)}")
        else:
            found.append(family)
    if not found:
        hint = "run it as root, or with the capability NET_ADMIN"
        raise UsageError(f"rules cannot be written ({' | '.join(missing)[:600]}); {hint}")
    for text in missing:
        sys.stderr.write(f"not served: {text}\n")
    return found


class Agent:
    """The parts put together.

    Parameters
    ----------
    source
        Services, EndpointSlices and the node.
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
        self._told: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.view = NodeView(source.state, options.node, lambda: self.syncer.note_change())
        self.metrics = metrics or AgentMetrics()
        self.ports = HealthPorts(lambda: self.syncer.health() is None and not self.view.leaving)
        self.client = self._client(options) if options.weights_url else None
        self.syncer = Syncer(
            self.view,
            kernel,
            self.known_weights,
            families=families or FAMILIES,
            pace=options.pace,
            metrics=self.metrics,
            after=self._after,
        )
        if self.client is not None:
            client = self.client
            self.metrics.weights_age.set_function(lambda: client.age)
            self.metrics.weighted.set_function(client.known)

    def work(self) -> list[Coroutine[None, None, None]]:
        """Return what runs for ever."""
        return [self.syncer.run(), *([self.client.run()] if self.client is not None else [])]

    def known_weights(self) -> Weights:
        """Return the weights known now."""
        return self.client.weights() if self.client is not None else {}

    async def read_weights(self) -> None:
        """Read the weights once; without an answer they are equal, and that is told."""
        if self.client is None:
            return
        try:
            await self.client.once()
        except WeightsError as error:
            sys.stderr.write(f"{error}: equal weights\n")

    async def close(self) -> None:
        """Stop the health ports; the rules stay."""
        self.view.close()
        await self.ports.close()

    def _client(self, options: AgentOptions) -> WeightsClient:
        return WeightsClient(
            options.weights_url,
            TlsPolicy(ca_file=options.weights_ca),
            self.view.services,
            on_change=lambda: self.syncer.note_weights(),
            on_failure=self.metrics.weight_failures.inc,
            stale_after=options.weights_stale,
        )

    async def _after(self, services: Mapping[str, Service], wrong: Mapping[str, str]) -> None:
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
        told = {f"{wanted[port].namespace}/{wanted[port].name}": why for port, why in failed.items()}
        self._tell(told | dict(wrong))

    def _tell(self, wrong: Mapping[str, str]) -> None:
        """Tell each new problem once, by a Warning Event on the Service."""
        for key, why in wrong.items():
            if self._told.get(key) == why:
                continue
            service = self._source.state.services.get(key)
            namespace, _, name = key.partition("/")
            about = ObjectRef("Service", name, namespace, service.uid if service is not None else "")
            task = asyncio.create_task(self._source.event(about, reason="NotProxied", message=why, warning=True))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._told = dict(wrong)


@asynccontextmanager
async def _background(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def _read_once(server: ServerOptions, options: AgentOptions) -> AsyncIterator[Source]:
    """Yield the cluster once it is known."""
    async with cluster(server, KINDS, HealthChecks(), component=COMPONENT, selectors=selectors(options.node)) as source:
        if not source.state.synced(KINDS):
            why = "; ".join(f"{problem.where}: {problem.reason}" for problem in source.problems()) or "no answer"
            raise UsageError(f"the cluster could not be read: {why}")
        yield source
