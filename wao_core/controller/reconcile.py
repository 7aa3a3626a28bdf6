"""Keeps NodeConfigs equal to the desired ones: level-triggered, and complete after every restart.

Every change of a node, template or NodeConfig triggers the same comparison, so no single event must be seen. Failed
writes are retried after a back-off.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

from wao_core.aio import in_daemon_thread
from wao_core.cluster.records import Kind, Node
from wao_core.cluster.source import Source
from wao_core.cluster.state import Change
from wao_core.controller.diff import diff
from wao_core.controller.node_config_writer import NodeConfigWriter
from wao_core.controller.template_status import TemplateStatusReporter
from wao_core.crds.desired import DesiredNodeConfigs, RenderCache, desired_node_configs, visible_fields
from wao_core.kube.client import KubeClient
from wao_predict.backoff import Backoff

SETTLE = 0.01
"""Seconds to wait for more changes of nodes and templates before the next comparison."""
RESYNC = 300.0
"""Seconds after which everything is compared again without a change."""


class NodeConfigController:
    """Keeps NodeConfigs equal to what templates and nodes require. `run` never returns.

    Parameters
    ----------
    source
        Nodes, templates and NodeConfigs.
    client
        Writes NodeConfigs.
    clock
        Seconds, for retries.
    wall_clock
        Seconds since the epoch, for transition times.
    """

    def __init__(
        self,
        source: Source,
        client: KubeClient,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._cache = RenderCache()
        self._desired: DesiredNodeConfigs | None = None
        self._outdated = True  # nodes or templates have changed since `_desired`
        self._changed = asyncio.Event()
        self._writer = NodeConfigWriter(source.state, client, clock=clock)
        self._statuses = TemplateStatusReporter(source, clock=clock, wall_clock=wall_clock)
        self.reconciled = 0
        self.failures = 0
        source.state.subscribe((Kind.NODE, Kind.NODE_CONFIG, Kind.NODE_CONFIG_TEMPLATE), self._note)

    async def run(self) -> None:
        """Reconcile after every change, until it is cancelled, such as when the Lease is lost."""
        self._statuses.forget()
        self._outdated, self._cache = True, RenderCache()  # a thread of a cancelled run may still use the old one
        backoff = Backoff(initial=0.5, maximum=30.0)
        while True:
            self._changed.clear()
            if await self.reconcile():
                wait = backoff.next()
            else:
                backoff.reset()
                wait = RESYNC
            retry = self._statuses.retry_in()
            try:
                async with asyncio.timeout(wait if retry is None else min(wait, retry)):
                    await self._changed.wait()
            except TimeoutError:
                self._outdated = True
                continue
            if self._outdated:  # a changed NodeConfig alone is repaired at once: comparing is cheap
                await asyncio.sleep(SETTLE)

    async def reconcile(self) -> int:
        """Compare and write once, and return the number of NodeConfigs whose write failed."""
        desired = await self._current_desired()
        changes = diff(desired, self._source.state.node_configs)
        failed = await self._writer.write(changes)
        self.failures += failed + await self._statuses.report(desired.results, changes)
        self.reconciled += 1
        return failed

    def _note(self, change: Change) -> None:
        if change.kind is Kind.NODE_CONFIG:
            self._writer.delivered(change.key)
        elif (
            isinstance(change.old, Node)
            and isinstance(change.new, Node)
            and visible_fields(change.old) == visible_fields(change.new)
        ):
            return  # such as a heartbeat
        else:
            self._outdated = True
        self._changed.set()

    async def _current_desired(self) -> DesiredNodeConfigs:
        """Return the desired NodeConfigs, rendered in a thread: the process that renders may take seconds to reply."""
        if self._desired is None or self._outdated:
            self._outdated = False  # a change during the rendering sets it again
            state = self._source.state
            templates, nodes = dict(state.node_config_templates), dict(state.nodes)
            render = partial(desired_node_configs, templates.values(), nodes.values(), render=self._cache)
            self._desired = await in_daemon_thread(render)
            if len(self._cache) > len(templates) * len(nodes):
                self._cache.keep((key, name) for key in templates for name in nodes)
        return self._desired
