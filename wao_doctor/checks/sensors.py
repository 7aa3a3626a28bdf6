"""Checks `sensors` and `models`: each node has a NodeConfig whose sensors are read and whose model predicts. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from wao_doctor.facts import Facts, Missing, known
from wao_doctor.findings import Finding, Kind, Outcome, Severity, duration, listed, plural
from wao_doctor.wire import NodeConfig
from wao_predict.timestamps import parse_rfc3339

OLD = 300.0
"""Age of a value [s] from which on it is reported."""

NO_CONFIG = Kind(
    "node-without-config",
    Severity.WARNING,
    "Nodes have no NodeConfig.",
    "WAO knows neither sensors nor a power model of these nodes, and ranks them below all others. That is intended "
    "for nodes that no template should select.",
    "the number of such nodes",
    "Label the nodes so that a NodeConfigTemplate selects them, or create NodeConfigs.",
)
NO_NODE = Kind(
    "config-without-node",
    Severity.WARNING,
    "NodeConfigs name nodes that do not exist.",
    "Their sensors are read, and nobody uses the values. Often the name is misspelt.",
    "the names of the nodes",
    "Correct spec.nodeName, or delete the NodeConfigs.",
)
UNREADABLE = Kind(
    "config-unreadable",
    Severity.ERROR,
    "NodeConfigs cannot be read.",
    "WAO uses the last state that it could read, or nothing.",
    "field and reason",
    "Correct the NodeConfigs. If the custom resources are older than this release, apply manifests/crds first.",
)
CONFLICT = Kind(
    "config-conflict",
    Severity.WARNING,
    "Several NodeConfigs name the same node.",
    "Only the oldest one is used.",
    "the NodeConfig that is used",
    "Delete all but one of them.",
)
FAILS = Kind(
    "sensor-fails",
    Severity.WARNING,
    "Sensors cannot be read.",
    "Models use the last value for fifteen minutes, then a [fallback](../architecture.md#fallbacks).",
    "the metric, the reason, and the last value",
    "`kubectl -n {namespace} describe nodeconfig {name}`, and `wao read {reader} URL`. Credentials: correct the "
    "Secret. Certificate: see docs/deployment.md.",
)
OLD_VALUES = Kind(
    "sensor-value-old",
    Severity.WARNING,
    "Values of sensors are old.",
    "The metrics API does not read these sensors any more, or they state an old time.",
    "the metric, and the age of the oldest value",
    "Look at the log: `kubectl -n wao-system logs deploy/wao-metrics-api`",
)
NOT_REPORTED = Kind(
    "config-not-reported",
    Severity.WARNING,
    "NodeConfigs have no status.",
    "The metrics API has not read them: it does not run, or may not write statuses.",
    "the number of such NodeConfigs",
    "Look at the log: `kubectl -n wao-system logs deploy/wao-metrics-api`",
)
TEMPLATE = Kind(
    "template-fails",
    Severity.ERROR,
    "A NodeConfigTemplate cannot be used for all its nodes.",
    "Nodes have no NodeConfig, or keep an old one.",
    "the condition Ready",
    "`kubectl -n {namespace} describe nodeconfigtemplate {name}`",
)
SENSOR_KINDS = (NO_CONFIG, NO_NODE, UNREADABLE, CONFLICT, FAILS, OLD_VALUES, NOT_REPORTED, TEMPLATE)

NO_MODEL = Kind(
    "node-without-model",
    Severity.INFO,
    "NodeConfigs name no power model.",
    "Sensors of these nodes are read, and their power is not predicted: WAO does not prefer them.",
    "the number of such NodeConfigs",
    "Set predictor.powerConsumption. The condition ModelProposed names similar servers; see wao models match.",
)
NO_CURVE = Kind(
    "model-fails",
    Severity.WARNING,
    "Power cannot be predicted.",
    "WAO does not prefer these nodes, however little power they use.",
    "the reason, which names the model",
    "`kubectl -n {namespace} describe nodeconfig {name}`. If a model server fails, `wao models` lists included "
    "models that need none.",
)
FALLBACK = Kind(
    "model-on-fallback",
    Severity.WARNING,
    "Power is predicted with a fallback.",
    "An input of the model is missing, so the prediction is less exact ([fallbacks](../architecture.md#fallbacks)).",
    "the reason",
    "Correct the sensors that the reason names.",
)
MODEL_KINDS = (NO_MODEL, NO_CURVE, FALLBACK)
_READERS = {"Redfish": "redfish", "DifferentialPressureAPI": "dpapi", "Prometheus": "prometheus"}


def check_sensors(facts: Facts) -> Outcome:
    """Examine the NodeConfigs and what their sensors deliver."""
    configs, nodes, templates = known(facts.node_configs), known(facts.nodes), known(facts.templates)
    found: list[Finding] = []
    names, configured = {node.name for node in nodes.objects}, {item.spec.node_name for item in configs.objects}
    if configs.unreadable:
        first = next(iter(configs.unreadable.values()))
        found.append(UNREADABLE.found(configs.unreadable, first))
    if without := names - configured:
        found.append(NO_CONFIG.found(without, f"{len(without)} of {plural(len(names), 'node')}"))
    if lost := [item for item in configs.objects if item.spec.node_name not in names]:
        wrong = listed(sorted({item.spec.node_name for item in lost}))
        found.append(NO_NODE.found([item.key for item in lost], f"no such node: {wrong}"))
    if silent := [item for item in configs.objects if not item.status.conditions]:
        found.append(
            NOT_REPORTED.found(
                [item.key for item in silent], f"{len(silent)} of {plural(len(configs.objects), 'NodeConfig')}"
            )
        )
    found += _failing(configs.objects, facts.now)
    found += _old(facts)
    for template in templates.objects:
        ready = template.status.condition("Ready")
        if ready is not None and ready.status == "False":
            text = f"{ready.reason}: {ready.message}"
            about = f"NodeConfigTemplate {template.key}"
            found.append(TEMPLATE.found(about, text, namespace=template.metadata.namespace, name=template.name))
    sensors = sum(len(sensors_of(item)) for item in configs.objects)
    return Outcome(f"{plural(sensors, 'sensor')} of {plural(len(configured & names), 'node')}{_oldest(facts)}", found)


def sensors_of(config: NodeConfig) -> list[str]:
    """Return the metrics that a NodeConfig requests."""
    return [name for name, term in (config.spec.metrics_collector or {}).items() if term is not None]


def _oldest(facts: Facts) -> str:
    times = (
        [] if isinstance(facts.samples, Missing) else [at for held in facts.samples.values() for at in held.values()]
    )
    return f", the oldest value is {duration(facts.now - min(times))} old" if times else ""


def _old(facts: Facts) -> Iterator[Finding]:
    for metric, times in ({} if isinstance(facts.samples, Missing) else facts.samples).items():
        ages = {node: facts.now - at for node, at in times.items() if facts.now - at > OLD}
        if ages:
            yield OLD_VALUES.found(
                ages, f"{metric} of {plural(len(ages), 'node')}, up to {duration(max(ages.values()))}"
            )


def _failing(configs: Iterable[NodeConfig], now: float) -> Iterator[Finding]:
    """Yield one finding for all sensors that fail for the same reason, numbers apart."""
    groups: dict[tuple[str, str], list[NodeConfig]] = defaultdict(list)
    evidence: dict[tuple[str, str], str] = {}
    for config in configs:
        condition = config.status.condition("Collecting")
        if condition is None or condition.status != "False":
            continue
        message = condition.message or condition.reason or "no reason is given"
        key = condition.reason or "", alike(message)
        groups[key].append(config)
        evidence.setdefault(key, message + _last(config, now))
    for key, failing in groups.items():
        first = failing[0]
        kinds = [term.type for term in (first.spec.metrics_collector or {}).values() if term is not None]
        kind = CONFLICT if key[0] == "Conflict" else FAILS
        yield kind.found(
            [item.spec.node_name for item in failing],
            evidence[key],
            namespace=first.metadata.namespace,
            name=first.name,
            reader=next((_READERS[item] for item in kinds if item in _READERS), "redfish"),
        )


def _last(config: NodeConfig, now: float) -> str:
    """Return how old the last values of a NodeConfig are, as far as its status says."""
    times = {item.name: parse_rfc3339(item.time) for item in config.status.metrics or ()}
    ages = [f"{name} {duration(now - at)} ago" for name, at in sorted(times.items()) if at is not None]
    return f" (last value: {', '.join(ages)})" if ages else ""


def alike(message: str) -> str:
    """Return a message without its numbers, addresses and fingerprints, which differ between nodes.

    Examples
    --------
    >>> alike("https://10.1.0.17/redfish: status 401") == alike("https://10.1.0.18/redfish: status 401")
    True
    """
    return re.sub(r"\b[0-9a-f]{2}(:?[0-9a-f]{2}){7,}\b|\d+", "#", message)


def check_models(facts: Facts) -> Outcome:
    """Examine whether the power of the nodes is predicted."""
    configs = known(facts.node_configs)
    conditions = {
        item.key: (item, condition)
        for item in configs.objects
        if (condition := item.status.condition("Predicting")) is not None
    }
    reasons: Mapping[str, Kind] = {"NoPredictor": NO_MODEL, "NoCurve": NO_CURVE, "Fallback": FALLBACK}
    groups: dict[tuple[str, str], list[NodeConfig]] = defaultdict(list)
    evidence: dict[tuple[str, str], str] = {}
    for config, condition in conditions.values():
        reason = condition.reason or ""
        if reason in reasons:
            key = reason, alike(condition.message or "")
            groups[key].append(config)
            evidence.setdefault(key, condition.message or reason)
    found = [
        reasons[key[0]].found(
            [item.spec.node_name for item in same],
            evidence[key] + (f" ({plural(len(same), 'node')})" if len(same) > 1 else ""),
            namespace=same[0].metadata.namespace,
            name=same[0].name,
        )
        for key, same in groups.items()
    ]
    predicted = sum(condition.status == "True" for _, condition in conditions.values())
    return Outcome(f"power is predicted for {predicted} of {plural(len(configs.objects), 'NodeConfig')}", found)
