"""The controller of standby: looks at the cluster every few seconds, decides, and lets the sequences act."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from wao_core.aio import BackgroundTasks
from wao_core.cluster.records import Kind, NodeConfig
from wao_core.cluster.state import ClusterState
from wao_core.crds.node_configs import first_by_node
from wao_core.tracing import span
from wao_fleet.drain.constraints import volumes_by_node
from wao_fleet.drain.node_marks import is_marked
from wao_fleet.drain.pods import FleetPod
from wao_fleet.freshness import doubt_about_state
from wao_fleet.standby.candidates import KEPT_LABELS, PURPOSE, NodeFacts
from wao_fleet.standby.doubts import LostCapacity, unreadable_doubt
from wao_fleet.standby.fleet import Fleet, View, demand_of, dry_run_of, fleet_of, keeps_node, largest_of, progress_of
from wao_fleet.standby.forgotten import ForgottenNodes, care_for
from wao_fleet.standby.kill_switch import KillSwitch
from wao_fleet.standby.measured import MeasuredPower
from wao_fleet.standby.power.switches import Switches
from wao_fleet.standby.progress import Phase, Progress
from wao_fleet.standby.progress_book import ProgressBook
from wao_fleet.standby.requests import refusal_of, request_of
from wao_fleet.standby.sequence import Notice, Wish
from wao_fleet.standby.sequences import Sequences, Task
from wao_fleet.standby.slow_facts import SlowFactsBook
from wao_fleet.standby.wishes import wishes_of
from wao_fleet.windows import Windows
from wao_predict.standby import ActionKind, Decision, NodeState, StandbySettings, decide
from wao_predict.standby.history import LOOK_BACK, Peak

log = logging.getLogger(__name__)

WATCHED = (Kind.NODE, Kind.POD, Kind.NODE_CONFIG)


@dataclass(frozen=True, slots=True)
class Policy:
    """How the controller behaves.

    Attributes
    ----------
    act
        Whether nodes are switched off; otherwise that is only recommended. Starts and requests of people are always
        carried out.
    stop
        The kill switch as a flag: start everything, and switch nothing off.
    settings
        Capacity and limits.
    windows
        Times in which nodes may be switched off; none: always.
    kept
        Labels of nodes that stay on.
    largest_for
        Seconds for which room is kept for Pods as large as the largest ones seen.
    look_back
        Seconds whose highest demand the running nodes can carry before one is switched off.
    period
        Seconds between two rounds.
    namespaces
        Namespaces whose NodeConfigs count; None: all. Whoever may write NodeConfigs there can have nodes drained.
    """

    act: bool = False
    stop: bool = False
    settings: StandbySettings = field(default_factory=StandbySettings)
    windows: Windows = field(default_factory=Windows)
    kept: Sequence[str] = KEPT_LABELS
    largest_for: float = 86400.0
    look_back: float = LOOK_BACK
    period: float = 5.0
    namespaces: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The last decision, for people: the nodes, the fleet and the actions.

    `doubt` forbids to switch nodes off. `unsure` is the part of it that is about the state of the cluster, and also
    applies to requests of people.
    """

    at: float
    facts: Mapping[str, NodeFacts]
    fleet: Fleet
    decision: Decision
    unsure: str
    doubt: str
    waking_all: bool


@dataclass(slots=True)
class Parts:
    """What the controller works with."""

    state: ClusterState
    book: ProgressBook
    sequences: Sequences
    switches: Switches
    slow: SlowFactsBook
    kill_switch: KillSwitch
    watts_per_core: Callable[[], Mapping[str, float]] = dict
    measured: MeasuredPower | None = None
    unreadable_pods: Callable[[], Mapping[str, str]] = dict


class StandbyController:
    """Decides and acts once a period while it runs; `run` never returns."""

    def __init__(self, parts: Parts, policy: Policy, *, wall_clock: Callable[[], float] = time.time) -> None:
        self._parts, self._policy, self._wall_clock = parts, policy, wall_clock
        self._lost = LostCapacity()
        self._forgotten = ForgottenNodes()
        self._empty_since: dict[str, float] = {}
        self._largest: dict[str, tuple[FleetPod, float]] = {}
        self._demand = Peak(policy.look_back)
        self._recommended: frozenset[str] = frozenset()
        self._known: dict[str, NodeConfig] = {}
        self.plan: Plan | None = None
        self.waited_seconds = 0.0
        self.rounds = 0
        self._last_round = 0.0

    async def run(self) -> None:
        """Work until cancelled; what was known of nodes is forgotten first: another replica may have led meanwhile."""
        self._parts.book.forget()
        self._known, self._forgotten, self._empty_since = {}, ForgottenNodes(), {}
        self._lost, self._recommended = LostCapacity(), frozenset()
        try:
            async with BackgroundTasks() as tasks:
                while True:
                    with span("standby round"):
                        await self.round(tasks)
                    await asyncio.sleep(self._policy.period)
        finally:
            self.plan = None  # another replica decides now

    async def round(self, tasks: BackgroundTasks) -> None:
        """Look, decide, and start one step of each node that needs one."""
        parts = self._parts
        if not parts.state.synced(WATCHED):
            return
        await asyncio.gather(parts.slow.refresh(), parts.kill_switch.refresh())
        if parts.measured is not None:
            await parts.measured.refresh(parts.book.progress())
        configs = self._configs()
        loaded = await asyncio.gather(*(parts.book.load(config) for config in configs.values()))
        if not all(loaded):
            log.warning("the status of %d NodeConfigs is unknown", loaded.count(False))
        plan = self.decide(configs)
        for task in self.tasks_of(plan, configs):
            tasks.spawn(f"standby {task.name}", parts.sequences.advance(task))
        await self._recommend(plan)
        known = {*configs, *self._known}
        forgotten = self._forgotten.look(parts.state.nodes.values(), known, self._wall_clock())
        await care_for(*forgotten, parts.sequences, self._all_configs())
        for table in (parts.switches, parts.sequences, parts.book):
            table.keep_only(known)
        self.plan = plan
        self.rounds += 1

    def decide(self, configs: Mapping[str, NodeConfig]) -> Plan:
        """Return the decision about the present state."""
        now = self._wall_clock()
        view = self._view(configs, now)
        fleet = fleet_of(view)
        unsure = self._doubt(view, configs)
        doubt = unsure or ("" if self._policy.windows.is_open(now) else "outside the windows for switching off")
        waking_all = self._policy.stop or self._parts.kill_switch.stopped
        decision = decide(
            fleet.nodes,
            fleet.pending,
            fleet.history,
            self._policy.settings,
            may_stop=not doubt and not waking_all,
            wake_all=waking_all,
        )
        self._count_waiting(fleet, decision, now)
        return Plan(now, view.facts, fleet, decision, unsure, doubt, waking_all)

    def tasks_of(self, plan: Plan, configs: Mapping[str, NodeConfig]) -> list[Task]:
        """Return a task for each node that standby may switch, and for sleeping ones that it may no longer switch."""
        wishes = wishes_of(
            plan.fleet.names,
            plan.decision,
            acting=self._policy.act,
            waking_all=plan.waking_all,
        )
        pods: dict[str, list[FleetPod]] = {}
        for pod in self._pods():
            if pod.node_name:
                pods.setdefault(pod.node_name, []).append(pod)
        found = []
        for name, config in configs.items():
            progress = self._parts.book.get(config)
            if progress is None:
                continue
            node = self._parts.state.nodes.get(name)
            wish, why = wishes.get(name, (Wish.NOTHING, ""))
            task = Task(name, node, config, pods.get(name, ()), wish, why)
            found.append(self._with_request(task, progress, plan))
        return found + self._left_behind(configs)

    def _left_behind(self, configs: Mapping[str, NodeConfig]) -> list[Task]:
        """Return tasks that wake nodes without a NodeConfig with standby, by the last one that they had."""
        held, state, found = self._parts.book.progress(), self._parts.state, []
        present = {config.uid for config in state.node_configs.values()}
        why = "its NodeConfig no longer has standby"
        for name in [name for name in self._known if name not in configs]:
            node, config = state.nodes.get(name), self._known[name]
            marked = node is not None and is_marked(node, PURPOSE)
            if node is None or (held.get(name, Progress()).phase is Phase.RUNNING and not marked):
                del self._known[name]
            else:
                found.append(Task(name, node, config, (), Wish.WAKE, why, recorded=config.uid in present))
        self._known.update(configs)
        return found

    def _with_request(self, task: Task, progress: Progress, plan: Plan) -> Task:
        """Return the task with the request of a person, which precedes the plan; a refusal is an Event on the Node."""
        request = request_of(task.config, progress)
        if request is None:
            return task
        why_not = plan.fleet.excluded.get(task.name, "") or ("the kill switch is on" if plan.waking_all else "")
        why_not = why_not or plan.unsure or dry_run_of(task.config)
        refused = refusal_of(request, progress, why_not)
        if refused:
            notice = Notice("StandbyRefused", f"{request.wish.value} is refused: {refused}", warning=True)
            return replace(task, request=request.text, notices=(notice,))
        return replace(task, wish=request.wish, why=f"requested: {request.wish.value}", request=request.text)

    def _view(self, configs: Mapping[str, NodeConfig], now: float) -> View:
        state, book = self._parts.state, self._parts.book
        volumes = volumes_by_node(self._parts.slow.facts.volumes, list(state.nodes.values()))
        facts = {}
        for name in {*state.nodes, *configs}:
            node, config = state.nodes.get(name), configs.get(name)
            progress = (None if config is None else book.get(config)) or Progress()
            facts[name] = NodeFacts(node, config, progress, volumes.get(name, ""))
        pods = self._pods()
        self._note_empty(facts, pods, now)
        self._demand.note(now, demand_of(pods))
        return View(
            now,
            facts,
            pods,
            self._empty_since,
            self._parts.watts_per_core(),
            self._note_largest(pods, now),
            self._parts.slow.facts.extended or {},
            self._policy.kept,
            self._policy.act,
            self._demand.at(now),
        )

    def _note_empty(self, facts: Mapping[str, NodeFacts], pods: Sequence[FleetPod], now: float) -> None:
        used = {pod.node_name for pod in pods if keeps_node(pod)}
        empty = [name for name in facts if name not in used]
        self._empty_since = {name: self._empty_since.get(name, now) for name in empty}

    def _note_largest(self, pods: Sequence[FleetPod], now: float) -> list[FleetPod]:
        """Return the largest Pods of the last day; after a restart only the present ones are known."""
        for pod in largest_of(pods):
            self._largest[pod.identity] = (pod, now)
        limit = now - self._policy.largest_for
        self._largest = {key: held for key, held in self._largest.items() if held[1] > limit}
        return list(largest_of(pod for pod, _ in self._largest.values()))

    def _doubt(self, view: View, configs: Mapping[str, NodeConfig]) -> str:
        state, parts = self._parts.state, self._parts
        unknown = [name for name, config in configs.items() if parts.book.get(config) is None]
        lost = self._lost.doubt(state.nodes, progress_of(view.facts), view.now)
        return (
            doubt_about_state({kind.value: state.age(kind) for kind in WATCHED})
            or unreadable_doubt(parts.unreadable_pods())
            or (f"the status of the NodeConfig of {min(unknown)} is unknown" if unknown else "")
            or parts.slow.doubt()
            or parts.kill_switch.doubt
            or lost
        )

    def _count_waiting(self, fleet: Fleet, decision: Decision, now: float) -> None:
        """Add the time that Pods wait while nodes start or are to be started."""
        starting = bool((fleet.nodes.state == NodeState.STARTING).any()) or any(
            action.kind is ActionKind.START for action in decision.actions
        )
        if self._last_round and starting:
            self.waited_seconds += len(fleet.pending) * min(60.0, now - self._last_round)
        self._last_round = now

    async def _recommend(self, plan: Plan) -> None:
        """Record which nodes would be switched off in recommend mode, once per node."""
        if self._policy.act or plan.waking_all:
            return
        wanted = {
            plan.fleet.names[action.node]: action.reason
            for action in plan.decision.actions
            if action.kind is ActionKind.STOP
        }
        for name in wanted.keys() - self._recommended:
            notice = Notice("StandbyRecommended", f"would stop it: {wanted[name]}")
            await self._parts.sequences.record(name, self._parts.state.nodes.get(name), notice)
        self._recommended = frozenset(wanted)

    def _pods(self) -> Sequence[FleetPod]:
        return cast(Sequence[FleetPod], list(self._parts.state.pods.values()))

    def _configs(self) -> dict[str, NodeConfig]:
        """Return the NodeConfig that counts for each node that standby may switch."""
        return {name: config for name, config in self._all_configs().items() if config.standby is not None}

    def _all_configs(self) -> dict[str, NodeConfig]:
        """Return the NodeConfig that counts for each node."""
        return first_by_node(filter(self._counts, self._parts.state.node_configs.values()))

    def _counts(self, config: NodeConfig) -> bool:
        return self._policy.namespaces is None or config.namespace in self._policy.namespaces
