"""The node agent as a process: starts and stops cluster, weights, rules and health in order."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from wao_core.cluster.records import Kind
from wao_core.cluster.selector import Selectors
from wao_core.cluster.source import Source
from wao_core.serving.cluster import cluster
from wao_core.serving.frame import ServerFrame
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
from wao_predict.printable import say

COMPONENT = "lb-agent"


def selectors(settings: NodeSettings) -> Selectors:
    """Return the selectors of the watches: our Services, slices of Services that are not headless, and this node."""
    return {
        **selectors_of(settings.proxy_name),
        Kind.NODE: (("fieldSelector", f"metadata.name={settings.node_name}"),),
    }


async def run_agent(server: ServerOptions, options: AgentOptions) -> None:
    """Serve until the process is signalled to stop; the rules stay in the kernel."""
    async with AsyncExitStack() as stack:
        frame = ServerFrame.from_options(COMPONENT, server)
        kernel = LinuxKernel()
        stack.callback(kernel.close)
        families = await usable_families(kernel)
        source = await stack.enter_async_context(cluster(server, KINDS, frame, selectors=selectors(options.node)))
        agent = Agent(source, kernel, options, metrics=AgentMetrics(frame.registry), families=families)
        stack.push_async_callback(agent.close)
        tasks = await stack.enter_async_context(frame.tasks)
        for name, work in agent.work().items():
            tasks.supervise(name, work)
        await serve(create_app(agent.syncer, agent.weights_state, frame), server, frame)


async def run_once(server: ServerOptions, options: AgentOptions) -> None:
    """Write the rules once and end."""
    kernel = LinuxKernel()
    families = await usable_families(kernel)
    async with _read_once(server, options) as source:
        agent = Agent(source, kernel, options, families=families)
        _warn(agent)
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
        _warn(agent)
        await agent.read_weights()
        sys.stdout.write(ruleset(agent.view, agent.known_weights()))


def _warn(agent: Agent) -> None:
    """Print why load balancers should not use this node, and which Services have no rules; the others are written."""
    for key, reason in agent.view.refused().items():
        say(f"Service {key} is not served: {reason}")
    if (why := agent.view.ineligible()) is not None:
        say(f"Node {agent.view.settings.node_name}: {why}")


def ruleset(view: NodeView, weights: Weights) -> str:
    """Return the commands that create all tables; existing tables are replaced."""
    services = view.services()
    setups = {family: view.setup(family) for family in FAMILIES}
    made = {key: view.rules(service, setups) for key, service in services.items()}
    parts: list[str] = []
    for family, setup in setups.items():
        wanted = {key: rules[family] for key, rules in made.items()}
        parts += Table(setup).load(wanted, merge(wanted, services)[0], weights, recreate=True).texts
    return "".join(parts)


async def clean_up() -> None:
    """Delete our tables and nothing else."""
    try:
        await LinuxKernel().apply(delete_tables(FAMILIES))
    except NftError as error:
        raise UsageError(str(error)) from error


async def usable_families(kernel: Kernel) -> list[Family]:
    """Return the address families that this machine can serve.

    Raises
    ------
    UsageError
        There is none; the message says what each one lacks.
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
        say(f"not served: {text}")
    return found


@asynccontextmanager
async def _read_once(server: ServerOptions, options: AgentOptions) -> AsyncIterator[Source]:
    """Yield the source once the cluster is read."""
    async with cluster(server, KINDS, ServerFrame(COMPONENT), selectors=selectors(options.node)) as source:
        if not source.state.synced(KINDS):
            why = "; ".join(f"{problem.where}: {problem.reason}" for problem in source.problems()) or "no answer"
            raise UsageError(f"the cluster could not be read: {why}")
        yield source
