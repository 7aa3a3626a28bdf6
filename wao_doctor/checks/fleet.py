"""Checks `rebalance` and `standby`: what moves Pods and switches servers has left nothing behind. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from wao_core.cluster.durations import parse_duration
from wao_core.cluster.names import DRAINING
from wao_core.cluster.records import Standby
from wao_core.cluster.sleeping import STANDBY
from wao_core.errors import DurationError
from wao_doctor.facts import Facts, Missing, known
from wao_doctor.findings import Finding, Kind, Outcome, Severity, duration, plural
from wao_doctor.settings import DoctorSettings
from wao_doctor.wire import ConfigMap, Node, NodeConfig, StandbySpec, Workload
from wao_fleet.rebalance.settings import COMPONENT as REBALANCE
from wao_fleet.rebalance.settings import PURPOSE as MOVES
from wao_fleet.standby.kill_switch import KEY, NAME
from wao_fleet.standby.progress import WAKE_TESTED, Phase
from wao_predict.timestamps import parse_rfc3339

STUCK = 2.0
"""Time in a phase, in its time-out, from which on a node counts as stuck."""

LEFT_DRAINING = Kind(
    "node-left-draining",
    Severity.WARNING,
    "Nodes have the mark of a drain that nobody finishes.",
    "Schedulers avoid these nodes, or cannot use them at all.",
    "the taint, and what is missing",
    "`kubectl taint node NODE waok8s.github.io/draining-`, and `kubectl uncordon NODE`",
)
REBALANCE_KINDS = (LEFT_DRAINING,)

ASLEEP = Kind(
    "asleep-without-standby",
    Severity.ERROR,
    "Nodes are switched off, and nothing will start them.",
    "wao-standby is not installed or has no replicas. The capacity of these nodes is missing until somebody starts "
    "them.",
    "the phase in the status of the NodeConfigs",
    "Install standby again with your overlay or the Helm chart, or start the servers by hand.",
)
FAILED = Kind(
    "standby-start-failed",
    Severity.ERROR,
    "A server that standby switched on did not become Ready.",
    "Its capacity is missing. See the alert [WaoStandbyStartFailed](../runbook.md#waostandbystartfailed).",
    "the reason, and the number of attempts",
    "Look at the console of the server, correct the cause, and start it by hand.",
)
PHASE = Kind(
    "standby-phase-long",
    Severity.WARNING,
    "Nodes stay in a phase of standby for long.",
    "A drain, a shutdown or a start takes twice as long as its time-out. The controller has stopped, or cannot reach "
    "the BMC.",
    "the phase, and how long it lasts",
    "Look at the log: `kubectl -n wao-system logs deploy/wao-standby`",
)
STOPPED = Kind(
    "standby-stopped",
    Severity.WARNING,
    "The kill switch of standby is on.",
    "All servers are started, and none is switched off, until somebody removes it.",
    "the ConfigMap",
    "`kubectl -n {namespace} delete configmap wao-standby`",
)
UNTESTED = Kind(
    "standby-not-tested",
    Severity.INFO,
    "The start of servers is not tested.",
    "Standby does not switch a server off before it has been seen to start.",
    "the number of such nodes",
    "Test them: see docs/standby.md.",
)
STANDBY_KINDS = (ASLEEP, FAILED, PHASE, STOPPED, UNTESTED)


def check_rebalance(facts: Facts) -> Outcome:
    """Examine marks of drains, and how the rebalancer is configured."""
    nodes, workload = known(facts.nodes).objects, _workload(facts, REBALANCE)
    marked = [node.name for node in nodes if _draining(node) == MOVES]
    running = workload is not None and workload.spec.replicas != 0
    found = []
    if marked and not running:
        found.append(LEFT_DRAINING.found(marked, f"taint {DRAINING}={MOVES}, and wao-rebalance does not run"))
    if workload is None:
        return Outcome("not installed (optional)", found)
    mode = workload.argument("--mode") or "recommend"
    drains = f", it drains {plural(len(marked), 'node')}" if marked else ""
    return Outcome(f"mode {mode}{drains}", found)


def check_standby(facts: Facts, settings: DoctorSettings) -> Outcome:
    """Examine phases of nodes, the kill switch, and whether somebody will start what sleeps."""
    nodes, configs, workload = known(facts.nodes).objects, known(facts.node_configs).objects, _workload(facts, NAME)
    switched = [item for item in configs if item.spec.standby is not None]
    running = workload is not None and workload.spec.replicas != 0
    found: list[Finding] = []
    off = [item.spec.node_name for item in configs if _phase(item) in (Phase.ASLEEP, Phase.SHUTTING_DOWN)]
    if off and not running:
        found.append(ASLEEP.found(off, f"{plural(len(off), 'node')}: phase Asleep, and wao-standby does not run"))
    marked = [node.name for node in nodes if _draining(node) == STANDBY and node.name not in off]
    if marked and not running:
        found.append(LEFT_DRAINING.found(marked, f"taint {DRAINING}={STANDBY}, and wao-standby does not run"))
    for item in configs:
        if _phase(item) == Phase.FAILED and item.status.standby is not None:
            status = item.status.standby
            attempts = f" ({plural(status.attempts, 'attempt')})" if status.attempts else ""
            found.append(FAILED.found(item.spec.node_name, f"{status.reason or 'no reason is given'}{attempts}"))
    found += _long(configs, facts.now)
    if workload is not None and _stopped(facts, settings):
        text = f"ConfigMap {settings.kill_switch}, key {KEY}"
        found.append(STOPPED.found("wao-standby", text, namespace=settings.namespace))
    if workload is None:
        return Outcome("not installed (optional)", found)
    untested = [item.spec.node_name for item in switched if not _tested(item)]
    if untested:
        found.append(UNTESTED.found(untested, f"{len(untested)} of {plural(len(switched), 'node')}"))
    mode = "act" if workload.argument("--act") is not None else "recommend"
    return Outcome(f"mode {mode}, {len(off)} of {plural(len(switched), 'node')} off", found)


def _workload(facts: Facts, name: str) -> Workload | None:
    return next((item for item in known(facts.workloads).objects if item.name == name), None)


def _draining(node: Node) -> str | None:
    return next((taint.value for taint in node.spec.taints or () if taint.key == DRAINING), None)


def _phase(config: NodeConfig) -> str:
    return "" if config.status.standby is None else config.status.standby.phase or ""


def _tested(config: NodeConfig) -> bool:
    found = config.status.condition(WAKE_TESTED)
    return found is not None and found.status == "True"


def _stopped(facts: Facts, settings: DoctorSettings) -> bool:
    held = None if isinstance(facts.config_maps, Missing) else facts.config_maps.get(settings.kill_switch)
    value = (held.data or {}).get(KEY) if isinstance(held, ConfigMap) else None
    return value is not None and value.strip().lower() != "false"


def _long(configs: Iterable[NodeConfig], now: float) -> Iterator[Finding]:
    for config in configs:
        status, spec = config.status.standby, config.spec.standby
        if status is None or spec is None:
            continue
        limit, since = _limit(status.phase or "", spec), parse_rfc3339(status.since)
        if limit is not None and since is not None and now - since > STUCK * limit:
            text = f"{status.phase} for {duration(now - since)}, the time-out is {duration(limit)}"
            yield PHASE.found(config.spec.node_name, text)


def _limit(phase: str, spec: StandbySpec) -> float | None:
    """Return the time-out of a phase [s], None for a phase that may last."""
    defaults = Standby()
    stated, default = {
        Phase.DRAINING.value: (spec.drain_timeout, defaults.drain_timeout),
        Phase.SHUTTING_DOWN.value: (spec.shutdown_timeout, defaults.shutdown_timeout),
        Phase.STARTING.value: (spec.start_timeout, defaults.start_timeout),
    }.get(phase, (None, None))
    try:
        return (parse_duration(stated) if stated else 0.0) or default
    except DurationError:
        return default
