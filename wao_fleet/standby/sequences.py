"""Runs the sequences of all nodes: observes one node, takes a step, writes the progress, and performs the acts."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field, replace

from wao_core.cluster.records import Node, NodeConfig, Standby
from wao_core.cluster.source import ObjectRef, Source
from wao_core.errors import WaoCoreError
from wao_core.kube.client import MERGE_PATCH, KubeClient, object_of
from wao_core.kube.collection import decode_list
from wao_core.kube.resources import NODES
from wao_core.tracing import span
from wao_fleet.drain.evictable import why_not_evictable
from wao_fleet.drain.eviction import evict
from wao_fleet.drain.node_marks import (
    CORDONED_BY,
    NotOurs,
    cordon,
    is_marked,
    mark_draining,
    uncordon,
    unmark_draining,
)
from wao_fleet.drain.pods import FLEET_PODS, FleetPod
from wao_fleet.standby.candidates import PURPOSE
from wao_fleet.standby.fleet import keeps_node
from wao_fleet.standby.heartbeats import read_heartbeat
from wao_fleet.standby.power.switch import PowerSwitch
from wao_fleet.standby.power.switches import Switches
from wao_fleet.standby.progress import Phase, Progress
from wao_fleet.standby.progress_book import ProgressBook
from wao_fleet.standby.sequence import Act, Notice, Seen, Step, Wish, step
from wao_predict.backoff import Backoff
from wao_predict.errors import WaoError
from wao_predict.redfish.power_control import PowerState

log = logging.getLogger(__name__)

SHUTDOWN = "waok8s.github.io/shutdown"
"""Annotation of a Node without a BMC that is to shut down by itself: "requested"."""
EVICTION = 20.0
"""Seconds for the evictions of one step; the next step goes on."""
READ_EVERY = {Phase.RUNNING: 300.0, Phase.DRAINING: 30.0, Phase.ASLEEP: 30.0, Phase.FAILED: 30.0}
"""Seconds between two readings of the power state; in other phases it is read at each step."""

IDLE_READS = 16
"""Readings of nodes that run at a time; nodes in a sequence do not wait for them."""


@dataclass(frozen=True, slots=True)
class Task:
    """What to do with one node: its records, the Pods on it, and the wish with its reason.

    `request` is that of a person which is handled with this step, and `notices` are Events about it. If `recorded` is
    False, the NodeConfig was deleted: the progress is in memory only, until the node runs again.
    """

    name: str
    node: Node | None
    config: NodeConfig
    pods: Sequence[FleetPod] = ()
    wish: Wish = Wish.NOTHING
    why: str = ""
    request: str = ""
    notices: tuple[Notice, ...] = ()
    recorded: bool = True


@dataclass(slots=True)
class Counts:
    """Totals since the start of the process."""

    starts: int = 0
    stops: int = 0
    started: int = 0
    failures: int = 0
    power_errors: int = 0


@dataclass(slots=True)
class _Power:
    """The last reading of one node."""

    state: PowerState | None = None
    due: float = 0.0
    problem: str = ""
    backoff: Backoff = field(default_factory=lambda: Backoff(initial=5.0, maximum=120.0))


class Sequences:
    """Takes steps of sequences; one node never has two steps at the same time.

    Parameters
    ----------
    source
        Records Events.
    book
        Where the progress is kept.
    permitted
        Returns whether this process may act now: it holds the Lease.
    clock, wall_clock
        Seconds: for pauses, and since the epoch.
    """

    def __init__(
        self,
        source: Source,
        client: KubeClient,
        switches: Switches,
        book: ProgressBook,
        *,
        permitted: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._source, self._client, self._switches, self._book = source, client, switches, book
        self._permitted = permitted
        self._clock, self._wall_clock = clock, wall_clock
        self._power: dict[str, _Power] = {}
        self._sent: dict[str, tuple[Phase, float, float]] = {}  # phase, its beginning, and when a reset was sent
        self._busy: set[str] = set()
        self._idle_reads = asyncio.Semaphore(IDLE_READS)
        self.counts = Counts()

    def power_of(self, name: str) -> PowerState | None:
        """Return the power state that was last read of a node."""
        held = self._power.get(name)
        return None if held is None else held.state

    def keep_only(self, nodes: Container[str]) -> None:
        """Forget what was read of and sent to all other nodes, such as those that were deleted."""
        for held in (self._power, self._sent):
            for name in [name for name in held if name not in nodes]:
                del held[name]

    async def advance(self, task: Task) -> None:
        """Take one step of a node; errors are logged, and the next step tries again."""
        if task.name in self._busy or task.config.standby is None:
            return
        self._busy.add(task.name)
        try:
            await self._advance(task, task.config.standby)
        except WaoError as error:
            log.warning("standby of %s: %s", task.name, error)
        finally:
            self._busy.discard(task.name)

    async def _advance(self, task: Task, standby: Standby) -> None:
        progress = self._book.get(task.config)
        if progress is None:
            return
        switch = self._switches.of(task.name, standby)
        seen = await self._observe(task, progress, switch)
        taken = step(progress, seen, task.wish, standby, task.why)
        new = replace(taken.progress, request=task.request or progress.request)
        self._check_lease()
        if not task.recorded:
            self._book.keep(task.config, new)
        elif not await self._book.write(task.config, new, seen.power):
            return  # without a record of it nothing is done
        self._count(progress, new)
        await self._tell(task, taken)
        for act in taken.acts:
            self._check_lease()
            with span("standby action") as current:
                current.set(wao_node=task.name, wao_action=act.value)
                await self._perform(act, task, new, switch)

    def _check_lease(self) -> None:
        """Raise if another replica may lead by now: this process was paused, or cannot reach the API server."""
        if not self._permitted():
            raise WaoCoreError("not continued here: the Lease may be held by another replica")

    async def _observe(self, task: Task, progress: Progress, switch: PowerSwitch) -> Seen:
        node = task.node
        ready = node is not None and node.ready and not node.terminating
        heartbeat = progress.heartbeat
        moving = progress.phase not in (Phase.RUNNING, Phase.ASLEEP)
        if node is not None and (moving or (ready and progress.phase is Phase.ASLEEP)):
            ready, heartbeat = await read_heartbeat(self._client, task.name)
            if progress.phase is Phase.ASLEEP:  # a node that sleeps and is Ready may have been switched on
                self._power.setdefault(task.name, _Power()).due = 0.0
        power = await self._read_power(task.name, progress, switch)
        if not switch.observes and switch.acts:
            power = PowerState.ON if ready else PowerState.OFF
        holding = [pod for pod in task.pods if keeps_node(pod)]
        staying = (pod for pod in holding if not pod.terminating)
        stuck = next((f"{pod.key}: {why}" for pod in staying if (why := why_not_evictable(pod))), "")
        return Seen(
            now=self._wall_clock(),
            ready=ready,
            heartbeat=heartbeat,
            cordoned=node is not None and node.unschedulable and node.annotations.get(CORDONED_BY) == PURPOSE,
            marked=node is not None and is_marked(node, PURPOSE),
            power=power,
            pods=len(holding),
            stuck=stuck,
            sent=self._sent_ago(task.name, progress),
        )

    async def _read_power(self, name: str, progress: Progress, switch: PowerSwitch) -> PowerState | None:
        """Return the power state, None if it cannot be read; a BMC that fails is tried more and more rarely."""
        held = self._power.setdefault(name, _Power())
        now = self._clock()
        if now < held.due:
            return held.state
        try:
            if progress.phase is Phase.RUNNING:
                async with self._idle_reads:
                    held.state = await switch.read()
            else:
                held.state = await switch.read()
        except WaoError as error:
            if held.problem != str(error):
                log.warning("the power state of %s is unknown: %s", name, error)
            self.counts.power_errors += 1
            held.state, held.problem, held.due = None, str(error), self._clock() + held.backoff.next()
            return None
        held.backoff.reset()
        held.problem, held.due = "", now + READ_EVERY.get(progress.phase, 0.0)
        return held.state

    def _sent_ago(self, name: str, progress: Progress) -> float | None:
        phase, since, at = self._sent.get(name, (None, 0.0, 0.0))
        return self._clock() - at if (phase, since) == (progress.phase, progress.since) else None

    def _count(self, old: Progress, new: Progress) -> None:
        counts = self.counts
        counts.starts += new.last_start != old.last_start
        counts.stops += new.last_stop != old.last_stop
        counts.started += new.phase is Phase.RUNNING and old.phase in (Phase.STARTING, Phase.FAILED)
        counts.failures += bool(new.wake_failed) and not old.wake_failed

    async def _tell(self, task: Task, taken: Step) -> None:
        for notice in (*task.notices, *taken.notices):
            await self.record(task.name, task.node, notice)

    async def record(self, name: str, node: Node | None, notice: Notice) -> None:
        """Log a notice and record it as Event on the Node."""
        log.log(logging.WARNING if notice.warning else logging.INFO, "%s: %s", name, notice.message)
        about = ObjectRef("Node", name, uid=name if node is None else node.uid)
        await self._source.event(about, reason=notice.reason, message=notice.message, warning=notice.warning)

    async def _perform(self, act: Act, task: Task, progress: Progress, switch: PowerSwitch) -> None:
        match act:
            case Act.CORDON:
                await self._cordon(task.name)
            case Act.UNCORDON:
                await self._request_shutdown(task, switch, wanted=False)
                await self._release(task.name)
            case Act.EVICT:
                await self._evict(task)
            case Act.SHUT_DOWN:
                if not (await self._is_cordoned(task.name) and await self._is_empty(task.name)):
                    return
                await self._send(task.name, progress, switch.shut_down)
                await self._request_shutdown(task, switch, wanted=True)
            case Act.FORCE_OFF:
                if progress.phase is Phase.SHUTTING_DOWN and not await self._is_empty(task.name):
                    return  # a node that was uncordoned meanwhile may have taken Pods
                await self._send(task.name, progress, switch.force_off)
            case Act.SWITCH_ON:
                await self._request_shutdown(task, switch, wanted=False)
                await self._send(task.name, progress, switch.switch_on)

    async def _request_shutdown(self, task: Task, switch: PowerSwitch, *, wanted: bool) -> None:
        """Let an agent on a node without a BMC shut it down, or no longer."""
        if switch.observes or task.node is None:
            return
        await self._annotate_shutdown(task.name, "requested" if wanted else None)

    async def _annotate_shutdown(self, name: str, value: str | None) -> None:
        body = {"metadata": {"annotations": {SHUTDOWN: value}}}
        await self._client.send("PATCH", NODES.path(name=name), body=body, content_type=MERGE_PATCH)

    async def release(self, node: Node, config: NodeConfig | None) -> None:
        """Remove all marks of standby from a node that no sequence is about, and from its NodeConfig, if it has one."""
        try:
            self._check_lease()
            if SHUTDOWN in node.annotations:
                await self._annotate_shutdown(node.name, None)
            await self._release(node.name)
            if config is not None and await self._book.load(config) and (progress := self._book.get(config)):
                why = "its NodeConfig no longer has standby"
                running = replace(progress, phase=Phase.RUNNING, since=self._wall_clock(), reason=why, testing=False)
                await self._book.write(config, running, None)
        except WaoError as error:
            log.warning("standby of %s: %s", node.name, error)

    async def _release(self, name: str) -> None:
        await uncordon(self._client, name, PURPOSE)
        await unmark_draining(self._client, name, PURPOSE)

    async def _cordon(self, name: str) -> None:
        try:
            await mark_draining(self._client, name, PURPOSE)
            await cordon(self._client, name, PURPOSE)
        except NotOurs as error:
            log.info("standby: %s", error)

    async def _send(self, name: str, progress: Progress, reset: Callable[[], object]) -> None:
        self._check_lease()
        self._sent[name] = (progress.phase, progress.since, self._clock())
        self._power.setdefault(name, _Power()).due = 0.0  # read the new state at the next step
        await reset()  # type: ignore[misc]

    async def _evict(self, task: Task) -> None:
        leaving = [pod for pod in task.pods if keeps_node(pod) and not pod.terminating]
        results = await asyncio.gather(*(evict(self._client, pod, deadline=EVICTION) for pod in leaving))
        for pod, result in zip(leaving, results, strict=True):
            if result.reason:
                log.info("standby of %s: %s stays: %s", task.name, pod.key, result.reason)

    async def _is_cordoned(self, name: str) -> bool:
        """Return whether the API server itself, not our copy, has the node cordoned by standby."""
        path = NODES.path(name=name)
        node = object_of(await self._client.get(path), "Node", path)
        annotations = (node.get("metadata") or {}).get("annotations") or {}
        cordoned = bool((node.get("spec") or {}).get("unschedulable")) and annotations.get(CORDONED_BY) == PURPOSE
        if not cordoned:
            log.info("standby of %s: not shut down: somebody else has uncordoned it", name)
        return cordoned

    async def _is_empty(self, name: str) -> bool:
        """Return whether the API server itself, not our copy, has no Pod on the node that keeps it from being empty."""
        query = [("fieldSelector", f"spec.nodeName={name}")]
        page = decode_list(await self._client.get(FLEET_PODS.path, query=query), FLEET_PODS)
        held = [pod.key for pod in page.objects if keeps_node(pod)] + list(page.unreadable)
        if held:
            log.info("standby of %s: not shut down: %s is on it", name, held[0])
        return not held
