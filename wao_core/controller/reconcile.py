"""Carries the plan out: level-triggered, server-side apply, a bounded number of requests at once.

Every change of a node, template or NodeConfig leads to the same question, what is missing; nothing depends on having
seen each event. What fails is tried again with back-off.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from wao_core.cluster.records import Kind, Node, NodeConfigTemplate
from wao_core.cluster.source import ObjectRef, Source
from wao_core.cluster.state import Change
from wao_core.controller.diff import OWNER_KIND, Actions, diff
from wao_core.crds.desired import Desired, Makers, Plan, TemplateOutcome, plan, seen_of
from wao_core.kube.client import KubeClient, KubeError
from wao_core.kube.resources import GROUP, NODE_CONFIGS, VERSION

log = logging.getLogger(__name__)

MANAGER = "wao-controller"
AT_ONCE = 16
"""Requests under way at a time."""
QUIET = 0.01
"""Seconds to gather changes that come together."""
ECHO = 5.0
"""Seconds in which a write is trusted to come back by watch."""
RESYNC = 300.0
"""Seconds after which everything is compared again in any case."""


class NodeConfigController:
    """Keeps NodeConfigs equal to what templates and nodes ask for. `run` never returns.

    Parameters
    ----------
    source
        Nodes, templates and NodeConfigs.
    client
        Writes.
    """

    def __init__(self, source: Source, client: KubeClient, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._source, self._client, self._clock = source, client, clock
        self._makers = Makers()
        self._plan: Plan | None = None  # None when nodes or templates have changed since it was made
        self._dirty = asyncio.Event()
        self._written: dict[str, tuple[object, float]] = {}  # writes that have not come back by watch
        self._statuses: dict[str, Mapping[str, object]] = {}
        self._transitions: dict[tuple[str, str], tuple[str, str]] = {}
        self.reconciled = 0
        self.failures = 0
        source.state.subscribe((Kind.NODE, Kind.NODE_CONFIG, Kind.NODE_CONFIG_TEMPLATE), self._changed)

    async def run(self) -> None:
        """Follow changes for ever."""
        wait = 0.0
        while True:
            self._dirty.clear()
            failed = await self.reconcile()
            wait = min(30.0, max(0.5, 2 * wait)) if failed else 0.0
            try:
                async with asyncio.timeout(wait or RESYNC):
                    await self._dirty.wait()
            except TimeoutError:
                self._plan = None
                continue
            if self._plan is None:  # a repair alone does not wait: comparing costs little
                await asyncio.sleep(QUIET)

    def _changed(self, change: Change) -> None:
        if change.kind is Kind.NODE_CONFIG:
            self._written.pop(change.key, None)
        elif (
            isinstance(change.old, Node) and isinstance(change.new, Node) and seen_of(change.old) == seen_of(change.new)
        ):
            return  # such as a heartbeat
        else:
            self._plan = None
        self._dirty.set()

    async def reconcile(self) -> int:
        """Compare and write once; return how many writes failed."""
        made = self._planned()
        actions = diff(made, self._source.state.node_configs)
        failed = await self._carry_out(actions)
        self._forget()
        await self._tell(made, actions)
        self.reconciled += 1
        self.failures += failed
        return failed

    def _planned(self) -> Plan:
        """Return what there should be, made again only when it may have changed."""
        if self._plan is None:
            state = self._source.state
            templates, nodes = state.node_config_templates, state.nodes
            self._plan = plan(templates.values(), nodes.values(), maker=self._makers)
            if len(self._makers) > len(templates) * len(nodes):
                self._makers.keep((key, name) for key in templates for name in nodes)
        return self._plan

    async def _carry_out(self, actions: Actions) -> int:
        gate = asyncio.Semaphore(AT_ONCE)
        now = self._clock()
        due = [item for item in actions.apply if not self._is_under_way(item, now)]
        work = [self._guarded(gate, self._apply(item)) for item in due]
        work += [self._guarded(gate, self._delete(key)) for key in actions.delete]
        return sum(await asyncio.gather(*work))

    async def _guarded(self, gate: asyncio.Semaphore, work: Any) -> int:
        async with gate:
            try:
                await work
            except KubeError as error:
                log.warning("a NodeConfig was not written: %s", error)
                return 1
        return 0

    def _is_under_way(self, wanted: Desired, now: float) -> bool:
        """Whether this very write was made just now, and nothing of the object was seen since."""
        held = self._written.get(wanted.key)
        return held is not None and held[0] == wanted.spec and now - held[1] < ECHO

    async def _apply(self, wanted: Desired) -> None:
        record = wanted.record
        template = self._source.state.node_config_templates.get(wanted.template)
        if template is None:  # deleted meanwhile
            return
        body = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "NodeConfig",
            "metadata": {
                "name": record.name,
                "namespace": record.namespace,
                "labels": {f"{GROUP}/template": template.name[:63]},
                "ownerReferences": [_owner_reference(template)],
            },
            "spec": wanted.spec,
        }
        key = wanted.key
        self._written[key] = (wanted.spec, self._clock())  # before it is sent: it may come back before the answer
        try:
            await self._client.apply(NODE_CONFIGS.path(record.namespace, record.name), body, manager=MANAGER)
        except KubeError:
            self._written.pop(key, None)
            raise

    async def _delete(self, key: str) -> None:
        namespace, _, name = key.partition("/")
        try:
            await self._client.send("DELETE", NODE_CONFIGS.path(namespace, name))
        except KubeError as error:
            if error.status_code != 404:
                raise

    def _forget(self) -> None:
        now = self._clock()
        self._written = {key: held for key, held in self._written.items() if now - held[1] < ECHO}

    async def _tell(self, made: Plan, actions: Actions) -> None:
        """Write the templates' statuses where they changed, and an Event for each new trouble."""
        for key, outcome in made.outcomes.items():
            template = self._source.state.node_config_templates.get(key)
            if template is None:  # deleted while its NodeConfigs were written
                continue
            foreign = [name for name, wanted in actions.foreign.items() if wanted == key]
            status = template_status(template, outcome, foreign)
            if self._statuses.get(key) == status:
                continue
            self._statuses[key] = status
            about = ObjectRef(
                "NodeConfigTemplate", template.name, template.namespace, template.uid, f"{GROUP}/{VERSION}"
            )
            await self._source.patch_status(about, self._stamped(key, status))
            condition = _first_condition(status)
            if condition["status"] == "False":
                reason, message = str(condition["reason"]), str(condition["message"])
                await self._source.event(about, reason=reason, message=message, warning=True)
        for key in self._statuses.keys() - made.outcomes.keys():
            del self._statuses[key]

    def _stamped(self, key: str, status: Mapping[str, object]) -> dict[str, object]:
        """Add the time at which each condition got its status."""
        stamped = []
        for condition in _conditions(status):
            mark = (key, str(condition["type"]))
            held = self._transitions.get(mark)
            if held is None or held[0] != condition["status"]:
                now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
                held = self._transitions[mark] = (str(condition["status"]), now)
            stamped.append({**condition, "lastTransitionTime": held[1]})
        return {**status, "conditions": stamped}


def template_status(template: NodeConfigTemplate, outcome: TemplateOutcome, foreign: list[str]) -> dict[str, object]:
    """Return the status of a template, without transition times."""
    status, reason, message = "True", "Rendered", f"{outcome.matched} nodes"
    if outcome.errors:
        node, why = next(iter(sorted(outcome.errors.items())))
        more = f" (and {len(outcome.errors) - 1} more nodes)" if len(outcome.errors) > 1 else ""
        status, reason, message = "False", "TemplateError", f"node {node}: {why}{more}"
    elif outcome.lost:
        node, winner = next(iter(sorted(outcome.lost.items())))
        status, reason = "False", "Conflict"
        message = f"{len(outcome.lost)} nodes, such as {node}, have their NodeConfig from {winner}, which is older"
    elif foreign:
        status, reason = "False", "NameTaken"
        message = f"{foreign[0]} exists and belongs to no template: it is left as it is"
    condition = {
        "type": "Ready",
        "status": status,
        "reason": reason,
        "message": message[:1024],
        "observedGeneration": template.generation,
    }
    return {
        "conditions": [condition],
        "nodes": outcome.matched - len(outcome.errors),
        "observedGeneration": template.generation,
    }


def _conditions(status: Mapping[str, object]) -> list[Mapping[str, object]]:
    found = status["conditions"]
    assert isinstance(found, list)
    return found


def _first_condition(status: Mapping[str, object]) -> Mapping[str, object]:
    return _conditions(status)[0]


def _owner_reference(template: NodeConfigTemplate) -> dict[str, object]:
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": OWNER_KIND,
        "name": template.name,
        "uid": template.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
