"""The node agent as a process: cluster, weights, rules and health, started and stopped in order."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from wao_core.cluster.records import Kind
from wao_core.cluster.source import Source
from wao_core.health import HealthChecks
from wao_core.serving.cluster import Selectors, cluster
from wao_core.serving.metrics import new_registry
from wao_core.serving.options import ServerOptions
from wao_core.serving.server import serve
from wao_lb.agent.app import create_app
from wao_lb.agent.family import FAMILIES, Family
from wao_lb.agent.linux.kernel import Kernel, LinuxKernel
from wao_lb.agent.linux.nft import NftError
from wao_lb.agent.metrics import AgentMetrics
from wao_lb.agent.model import Weights
from wao_lb.agent.node_agent import Agent, AgentOptions
from wao_lb.agent.table import Table, merge
from wao_lb.agent.transaction import delete_tables
from wao_lb.agent.view import KINDS, NodeSettings, NodeView
from wao_lb.settings import selectors_of
from wao_predict.errors import UsageError

log = logging.getLogger(__name__)
COMPONENT = "wao-lb-agent"


def selectors(settings: NodeSettings) -> Selectors:
    """Return what restricts the watches: our Services, no headless Service's slices, and this node."""
    return {
        **selectors_of(settings.proxy_name),
        Kind.NODE: (("fieldSelector", f"metadata.name={settings.node_name}"),),
    }


async def run_agent(server: ServerOptions, options: AgentOptions) -> None:
    """Serve until told to stop; the rules stay in the kernel."""
    async with AsyncExitStack() as stack:
        checks, registry = HealthChecks(), new_registry("lb-agent")
        kernel = LinuxKernel()
        stack.callback(kernel.close)
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
        await serve(create_app(agent.syncer, agent.weights_state, checks, registry), server, checks)


async def run_once(server: ServerOptions, options: AgentOptions) -> None:
    """Write the rules once."""
    kernel = LinuxKernel()
    families = await usable_families(kernel)
    async with _read_once(server, options) as source:
        agent = Agent(source, kernel, options, families=families)
        await agent.read_weights()
        try:
            await agent.syncer.sync()
            while waiting := [at for table in agent.syncer.tables.values() for at in table.retired.values()]:
                await asyncio.sleep(max(0.0, min(waiting) - time.monotonic()))
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
    parts: list[str] = []
    for family, setup in setups.items():
        wanted = {key: rules[family] for key, rules in made.items()}
        parts += Table(setup).load(wanted, merge(wanted, services)[0], weights).texts
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


@asynccontextmanager
async def _background(work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    task = asyncio.create_task(_for_ever(work))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _for_ever(work: Callable[[], Awaitable[None]]) -> None:
    """Begin anew what broke off: weights that nobody follows any more would stay as they are."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("background work broke off; it begins anew")
        await asyncio.sleep(1.0)


@asynccontextmanager
async def _read_once(server: ServerOptions, options: AgentOptions) -> AsyncIterator[Source]:
    """Yield the cluster once it is known."""
    async with cluster(server, KINDS, HealthChecks(), component=COMPONENT, selectors=selectors(options.node)) as source:
        if not source.state.synced(KINDS):
            why = "; ".join(f"{problem.where}: {problem.reason}" for problem in source.problems()) or "no answer"
            raise UsageError(f"the cluster could not be read: {why}")
        yield source
