"""Checks `api-services` and `metrics-server`: the APIs of metrics are registered, available and ours. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from wao_doctor.facts import Facts, Missing, known
from wao_doctor.findings import Finding, Kind, Outcome, Severity, duration, plural
from wao_doctor.wire import ApiService
from wao_metrics_api.names import CUSTOM_METRICS, GROUP_VERSIONS, GROUPS
from wao_predict.timestamps import parse_rfc3339

RESOURCE_METRICS = "v1beta1.metrics.k8s.io"
STALE = 180.0
"""Age of a CPU sample [s] from which on metrics-server counts as stopped; its usual period is 15 to 60 s."""
ADAPTERS = {
    "prometheus-adapter": "prometheus-adapter",
    "custom-metrics-apiserver": "prometheus-adapter",
    "keda": "KEDA",
    "datadog": "the Datadog cluster agent",
    "stackdriver": "the Stackdriver adapter",
}
"""Words in the names of Services of other adapters, and what these are."""

NOT_REGISTERED = Kind(
    "api-not-registered",
    Severity.ERROR,
    "The metrics API is not registered.",
    "Scheduler and load balancer get no temperatures and pressures.",
    "there is no APIService of this name",
    "Apply your overlay again, or run `helm upgrade`: the APIServices are in `manifests/metrics-api`",
)
UNAVAILABLE = Kind(
    "api-unavailable",
    Severity.ERROR,
    "The API server cannot reach the metrics API.",
    "Scheduler and load balancer go on with the last temperatures and pressures for fifteen minutes, and then use "
    "[fallbacks](../architecture.md#fallbacks).",
    "reason and message of the condition Available",
    "Look at its Pods and its log: `kubectl -n {namespace} get pods,endpointslices`, `kubectl -n {namespace} logs "
    "deploy/{name}`",
)
NOT_FOR_AUTOSCALERS = Kind(
    "custom-metrics-not-registered",
    Severity.INFO,
    "custom.metrics.k8s.io is not registered.",
    "Autoscalers cannot use metrics of nodes. The parts of WAO read another group, and need nothing.",
    "there is no APIService of this name",
    "None, if autoscalers do not use metrics of nodes. Otherwise remove the component own-group from your overlay, or "
    "set metricsApi.registerCustomMetrics of the Helm chart.",
)
RIVAL = Kind(
    "api-of-another-adapter",
    Severity.WARNING,
    "Another adapter serves custom.metrics.k8s.io.",
    "An APIService references one Service. While it is that of another adapter, autoscalers cannot use the metrics of "
    "WAO. The parts of WAO read another group, and need nothing.",
    "the Service that the APIService references",
    "None, if autoscalers do not use our metrics. Otherwise let WAO serve both with `--delegate`: see "
    "[Next to other software](../coexistence.md)",
)
UNVERIFIED = Kind(
    "api-unverified",
    Severity.WARNING,
    "The API server does not verify the metrics API.",
    "With insecureSkipTLSVerify, another program in the network of Pods can answer in place of the metrics API, and "
    "the controller cannot set caBundle.",
    "the field of the APIService",
    '`kubectl patch apiservice {name} --type=json -p \'[{{"op":"remove","path":"/spec/insecureSkipTLSVerify"}}]\'`',
)
KINDS = (NOT_REGISTERED, NOT_FOR_AUTOSCALERS, UNAVAILABLE, RIVAL, UNVERIFIED)

NO_METRICS_SERVER = Kind(
    "metrics-server-missing",
    Severity.ERROR,
    "metrics-server is not installed.",
    "WAO does not know the CPU use of nodes and Pods. Pods are placed without regard to power, and traffic is "
    "distributed by the rule `proportional`.",
    f"there is no APIService {RESOURCE_METRICS}",
    "Install metrics-server: https://github.com/kubernetes-sigs/metrics-server",
)
METRICS_SERVER_UNAVAILABLE = Kind(
    "metrics-server-unavailable",
    Severity.ERROR,
    "The API server cannot reach metrics-server.",
    "As without metrics-server, after fifteen minutes.",
    "reason and message of the condition Available",
    "Look at its Pods and its log: `kubectl -n {namespace} get pods,endpointslices`, `kubectl -n {namespace} logs "
    "deploy/{name}`",
)
METRICS_OLD = Kind(
    "node-metrics-old",
    Severity.WARNING,
    "CPU samples of nodes are old.",
    "The scheduler uses a sample for fifteen minutes (`maxSampleAge`); after that the node ranks below measured ones.",
    "the number of nodes, and the age of the oldest sample",
    "Check kubelet on these nodes, and the log of metrics-server.",
)
METRICS_LACKING = Kind(
    "node-metrics-missing",
    Severity.WARNING,
    "Nodes that are Ready have no CPU sample.",
    "WAO does not prefer these nodes, however little power they use. metrics-server leaves out a node whose kubelet "
    "it cannot read, and a new one for about a minute.",
    "the number of such nodes",
    "Look at its log: `kubectl -n kube-system logs deploy/metrics-server`",
)
METRICS_KINDS = (NO_METRICS_SERVER, METRICS_SERVER_UNAVAILABLE, METRICS_OLD, METRICS_LACKING)

NAMESPACE, NAME = "wao-system", "wao-metrics-api"


def check_api_services(facts: Facts) -> Outcome:
    """Examine the registrations of our API groups."""
    present = {item.name: item for item in known(facts.api_services).objects}
    found: list[Finding] = []
    for group, version in GROUP_VERSIONS:
        name = f"{version}.{group}"
        registered = present.get(name)
        if registered is None or registered.spec.service is None:
            kind = NOT_FOR_AUTOSCALERS if group == CUSTOM_METRICS else NOT_REGISTERED
            found.append(kind.found(f"APIService {name}", "it does not exist"))
        else:
            found += _examine(registered)
    return Outcome(f"the metrics API is available in {plural(len(GROUPS), 'API group')}", found)


def _examine(item: ApiService) -> Iterator[Finding]:
    service, about = item.spec.service, f"APIService {item.name}"
    assert service is not None
    if service.name != NAME:
        there = f"{service.namespace}/{service.name}"
        known_as = next((words for word, words in ADAPTERS.items() if word in service.name), "")
        yield RIVAL.found(about, f"it references {there}" + (f", {known_as}" if known_as else ""))
        return
    if problem := unavailable(item):
        yield UNAVAILABLE.found(about, problem, namespace=service.namespace, name=service.name)
    if item.spec.insecure_skip_verify:
        yield UNVERIFIED.found(about, "insecureSkipTLSVerify: true", name=item.name)


def unavailable(item: ApiService) -> str:
    """Return why an APIService is not available, or an empty string."""
    found = item.status.condition("Available")
    if found is None:
        return "the API server has not examined it yet"
    return "" if found.status == "True" else f"{found.reason}: {found.message}"


def check_metrics_server(facts: Facts) -> Outcome:
    """Examine whether the CPU use of nodes is known, and how old it is."""
    present = {item.name: item for item in known(facts.api_services).objects}
    registered = present.get(RESOURCE_METRICS)
    if registered is None or registered.spec.service is None:
        return Outcome("", [NO_METRICS_SERVER.found(f"APIService {RESOURCE_METRICS}", "it does not exist")])
    service = registered.spec.service
    if problem := unavailable(registered):
        found = METRICS_SERVER_UNAVAILABLE.found(
            f"APIService {RESOURCE_METRICS}", problem, namespace=service.namespace, name=service.name
        )
        return Outcome("", [found])
    metrics = known(facts.node_metrics)
    times = {item.name: parse_rfc3339(item.timestamp) for item in metrics.objects}
    ages = {name: facts.now - at for name, at in times.items() if at is not None}
    findings = []
    if old := {name: age for name, age in ages.items() if age > STALE}:
        findings.append(METRICS_OLD.found(old, f"{plural(len(old), 'node')}, the oldest {duration(max(old.values()))}"))
    ready = set() if isinstance(facts.nodes, Missing) else {node.name for node in facts.nodes.objects if node.ready}
    if lacking := ready - ages.keys():
        findings.append(
            METRICS_LACKING.found(lacking, f"{len(lacking)} of {plural(len(ready), 'node')} that are Ready")
        )
    oldest = f", the oldest is {duration(max(ages.values()))} old" if ages else ""
    return Outcome(f"CPU samples of {plural(len(ages), 'node')}{oldest}", findings)
