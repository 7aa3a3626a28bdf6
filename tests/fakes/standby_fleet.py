"""A simulated fleet for standby: servers with a BMC, kubelets with heartbeats, a scheduler, and faults of all of them.

The controller is the product's own: `fleet_of`, `decide`, `wishes_of` and `step`, with its progress kept as the status
of a NodeConfig keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from wao_core.cluster.records import Node, NodeConfig, OwnerRef, Standby
from wao_fleet.drain.node_marks import CORDONED_BY
from wao_fleet.drain.pods import FleetPod
from wao_fleet.standby.candidates import PURPOSE, NodeFacts
from wao_fleet.standby.fleet import View, fleet_of, keeps_node
from wao_fleet.standby.progress import Phase, Progress
from wao_fleet.standby.sequence import Act, Seen, Step, Wish, step
from wao_fleet.standby.wishes import wishes_of
from wao_predict.endpoint import Endpoint
from wao_predict.redfish.power_control import PowerState
from wao_predict.standby import StandbySettings, decide

CORES, MEMORY, PODS = 32.0, 128e9, 110.0
SETTINGS = StandbySettings(spare_cores=8.0, empty_seconds=300.0, on_seconds=600.0, starts_at_once=2, stops_at_once=2)
STANDBY = Standby(method="Redfish", bmc=Endpoint("Redfish", "https://bmc", "w/power"), start_timeout=300.0)
BOOT, HALT = 90.0, 30.0
"""Seconds that a server needs to start and to stop."""


@dataclass
class Server:
    """One server with its BMC and its kubelet."""

    name: str
    on: bool = True
    changes_at: float | None = None  # when a shutdown or a start is complete
    ready: bool = True
    heartbeat: int = 1
    cordoned: bool = False
    bmc_away: bool = False
    boots: bool = True
    obeys: bool = True  # follows GracefulShutdown
    pretends_off: bool = False  # the BMC states Off although the server is on

    def power(self) -> PowerState | None:
        if self.bmc_away:
            return None
        return PowerState.OFF if self.pretends_off or not self.on else PowerState.ON

    def reset(self, act: Act, now: float) -> None:
        """Follow a reset, as far as the faults let it."""
        if self.bmc_away:
            return
        if act is Act.FORCE_OFF:
            self.on, self.ready, self.changes_at = False, False, None
        elif act is Act.SHUT_DOWN and self.on and self.obeys:
            self.changes_at = now + HALT
        elif act is Act.SWITCH_ON and not self.on:
            self.on, self.changes_at = True, now + BOOT

    def pass_time(self, now: float) -> None:
        """Complete a start or a shutdown, and send heartbeats."""
        if self.changes_at is not None and now >= self.changes_at:
            if self.ready:  # it was to shut down
                self.on = self.ready = False
                self.changes_at = None
            elif self.boots:
                self.ready, self.changes_at = True, None
        if self.ready:
            self.heartbeat += 1


@dataclass
class Fleet:
    """Servers, Pods, and the controller. Times in seconds."""

    servers: dict[str, Server]
    settings: StandbySettings = SETTINGS
    standby: Standby = STANDBY
    now: float = 1_000_000.0
    pods: dict[str, FleetPod] = field(default_factory=dict)
    progress: dict[str, Progress] = field(default_factory=dict)
    sent: dict[str, float] = field(default_factory=dict)
    empty_since: dict[str, float] = field(default_factory=dict)
    stopped: bool = False
    doubt: bool = False
    crashes: bool = False  # after the next write, before its acts
    writes_fail: bool = False
    begun: list[float] = field(default_factory=list)  # how long nodes had run when a decision chose them
    left: list[float] = field(default_factory=list)  # free cores that each decision to switch off left
    created: int = 0

    @classmethod
    def of(cls, count: int, *, tested: bool = True, standby: Standby = STANDBY) -> Fleet:
        servers = {f"n{number}": Server(f"n{number}") for number in range(count)}
        return cls(servers, standby=standby, progress={name: Progress(wake_tested=tested) for name in servers})

    def add_pod(self, cores: float) -> str:
        self.created += 1
        name = f"p{self.created}"
        owner = OwnerRef("ReplicaSet", "r", "r")
        self.pods[name] = FleetPod(
            name=name, namespace="d", uid=name, owner=owner, cpu_request=cores, created=self.now, memory_request=1e9
        )
        return name

    def pass_time(self, seconds: float) -> None:
        """Let the machines, the scheduler and the controller work for a while; rounds are rarer in a long time."""
        end, period = self.now + seconds, 5.0 if seconds < 300 else 20.0
        while self.now < end:
            self.now += period
            for server in self.servers.values():
                server.pass_time(self.now)
            self.schedule()
            self.round()

    def schedule(self) -> None:
        for key, pod in list(self.pods.items()):
            if pod.node_name is None:
                for server in self.servers.values():
                    if server.ready and not server.cordoned and self.free(server.name) >= (pod.cpu_request or 0.0):
                        self.pods[key] = _bound(pod, server.name)
                        break

    def free(self, name: str) -> float:
        return CORES - sum(pod.cpu_request or 0.0 for pod in self.on(name))

    def on(self, name: str) -> list[FleetPod]:
        return [pod for pod in self.pods.values() if pod.node_name == name]

    def facts(self) -> dict[str, NodeFacts]:
        return {
            name: NodeFacts(self.node(server), self.config(name), self.progress[name])
            for name, server in self.servers.items()
        }

    def node(self, server: Server) -> Node:
        annotations = {CORDONED_BY: PURPOSE} if server.cordoned else {}
        return Node(
            name=server.name,
            created=0.0,
            annotations=annotations,
            allocatable_cores=CORES,
            allocatable_memory=MEMORY,
            allocatable_pods=PODS,
            ready=server.ready,
            unschedulable=server.cordoned,
        )

    def set_dry(self, dry: bool) -> None:
        """Change the method of all nodes."""
        self.standby = msgspec.structs.replace(self.standby, method="DryRun" if dry else "Redfish")

    def config(self, name: str) -> NodeConfig:
        return NodeConfig(name=name, namespace="w", node_name=name, standby=self.standby)

    def round(self, wishes: Iterable[tuple[str, Wish]] = ()) -> None:
        """Decide and take one step of each node, as the controller does."""
        used = {pod.node_name for pod in self.pods.values() if keeps_node(pod)}
        empty = [name for name in self.servers if name not in used]
        self.empty_since = {name: self.empty_since.get(name, self.now) for name in empty}
        fleet = fleet_of(View(self.now, self.facts(), list(self.pods.values()), self.empty_since))
        may_stop = not self.doubt and not self.stopped
        decision = decide(
            fleet.nodes, fleet.pending, fleet.history, self.settings, may_stop=may_stop, wake_all=self.stopped
        )
        found = wishes_of(fleet.names, decision, acting=True, waking_all=self.stopped)
        stops = {name for name, (wish, _) in found.items() if wish is Wish.SLEEP}
        if stops:
            up = [name for name, server in self.servers.items() if server.ready and not server.cordoned]
            self.left.append(sum(self.free(name) for name in up if name not in stops))
        found.update({name: (wish, "requested: by a person") for name, wish in wishes})
        for name in self.servers:
            wish, why = found.get(name, (Wish.NOTHING, ""))
            self.advance(name, wish, why)

    def advance(self, name: str, wish: Wish, why: str) -> None:
        taken = step(self.progress[name], self.seen(name), wish, self.standby, why)
        if self.writes_fail:
            return
        if taken.progress.phase is not self.progress[name].phase:
            self.sent.pop(name, None)
            if wish is Wish.SLEEP and not why.startswith("requested"):
                self.begun.append(self.now - self.progress[name].since)
        self.progress[name] = taken.progress
        if self.crashes:
            self.restart()
            return
        self.perform(name, taken)

    def restart(self) -> None:
        """Begin with a controller that knows no more than the status of the NodeConfigs."""
        self.crashes = False
        self.sent.clear()
        self.empty_since.clear()

    def seen(self, name: str) -> Seen:
        server = self.servers[name]
        sent = self.sent.get(name)
        return Seen(
            now=self.now,
            ready=server.ready,
            heartbeat=str(server.heartbeat),
            cordoned=server.cordoned,
            power=None if self.standby.dry_run else server.power(),
            pods=len(self.on(name)),
            sent=None if sent is None else self.now - sent,
        )

    def perform(self, name: str, taken: Step) -> None:
        server = self.servers[name]
        for act in taken.acts:
            if act in (Act.CORDON, Act.UNCORDON):
                server.cordoned = act is Act.CORDON
            elif act is Act.EVICT:
                for pod in self.on(name):
                    self.pods[pod.name] = _bound(pod, None)
            else:
                if act is Act.SHUT_DOWN:
                    if self.on(name):
                        continue
                    assert server.cordoned, f"{name} is shut down without a cordon"
                self.sent[name] = self.now
                if not self.standby.dry_run:
                    server.reset(act, self.now)

    def phases(self) -> dict[str, str]:
        return {name: progress.phase.value for name, progress in self.progress.items()}

    def settled(self) -> bool:
        """Return whether every node runs and takes Pods."""
        return all(
            server.on and server.ready and not server.cordoned and self.progress[name].phase is Phase.RUNNING
            for name, server in self.servers.items()
        )


def _bound(pod: FleetPod, node: str | None) -> FleetPod:
    return msgspec.structs.replace(pod, node_name=node)
