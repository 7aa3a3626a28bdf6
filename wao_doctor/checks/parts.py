"""Check `parts`: what is installed runs, one replica leads, and all are of one image. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from wao_doctor.facts import Facts, Missing, known
from wao_doctor.findings import Finding, Kind, Outcome, Severity, duration, plural
from wao_doctor.manifests import OPTIONAL, parts
from wao_doctor.settings import LEADERS
from wao_doctor.wire import Pod, Workload
from wao_predict.timestamps import parse_rfc3339

STOCK = "wao-kube-scheduler"
"""Runs an image of Kubernetes."""

ABSENT = Kind(
    "part-not-installed",
    Severity.INFO,
    "A part of WAO is not installed.",
    "The parts work without each other; see [Deployment](../deployment.md) for what each of them does.",
    "there is no workload of this name",
    "If you want it, add it to your overlay or to your Helm values; its manifests are in `manifests/{folder}`",
)
DOWN = Kind(
    "part-down",
    Severity.ERROR,
    "A part of WAO does not run.",
    "See the alert [WaoServerDown](../runbook.md#waoserverdown) for what is missing without each part.",
    "ready and wanted Pods, and why Pods are not ready",
    "`kubectl -n {namespace} describe pods -l app.kubernetes.io/name={name}`",
)
DEGRADED = Kind(
    "part-degraded",
    Severity.WARNING,
    "Not all Pods of a part are ready.",
    "The other replicas do the work. For the node agent: on these nodes rules no longer follow changes of endpoints.",
    "ready and wanted Pods, and why Pods are not ready",
    "`kubectl -n {namespace} describe pods -l app.kubernetes.io/name={name}`",
)
NO_LEADER = Kind(
    "part-without-leader",
    Severity.ERROR,
    "No replica leads.",
    "This part does nothing: no NodeConfigs and certificates (controller), no moves (rebalance), or no nodes that "
    "are started or stopped (standby).",
    "the holder of the Lease, and when it was renewed",
    "Look at the log: `kubectl -n {namespace} logs deploy/{name}`",
)
IMAGES = Kind(
    "images-differ",
    Severity.WARNING,
    "Parts of WAO have different images.",
    "Parts of different releases may not understand each other. That is normal during an upgrade only.",
    "the images, and the number of workloads of each",
    "Set one image for all parts in your overlay, and apply it.",
)
KINDS = (ABSENT, DOWN, DEGRADED, NO_LEADER, IMAGES)


def check_parts(facts: Facts) -> Outcome:
    """Examine workloads, Pods and Leases of WAO."""
    workloads = {item.name: item for item in known(facts.workloads).objects}
    found: list[Finding] = []
    for name, folder in parts().items():
        if name not in workloads and folder not in OPTIONAL:
            found.append(ABSENT.found(name, "there is no such workload", folder=folder))
    pods = () if isinstance(facts.pods, Missing) else facts.pods.objects
    ours = {name: item for name, item in workloads.items() if name in parts()}
    for item in ours.values():
        found += _replicas(item, [pod for pod in pods if pod.label("app.kubernetes.io/name") == item.name])
    found += _leaders(facts, ours)
    images = Counter(item.containers[0].image for name, item in ours.items() if item.containers and name != STOCK)
    if len(images) > 1:
        found.append(IMAGES.found("images", ", ".join(f"{image} ({count})" for image, count in images.most_common())))
    image = f", image {next(iter(images))}" if len(images) == 1 else ""
    return Outcome(f"{plural(len(ours), 'part')} run{image}", found)


def _replicas(item: Workload, pods: list[Pod]) -> Iterator[Finding]:
    status = item.status
    if item.spec.replicas is None:
        wanted, ready = status.desired_number_scheduled, status.number_ready
    else:
        wanted, ready = item.spec.replicas, status.ready_replicas
    if ready >= wanted:
        return
    troubles: dict[str, int] = defaultdict(int)
    for pod in pods:
        if pod.trouble:
            troubles[pod.trouble] += 1
    why = "; ".join(f"{trouble} ({count})" for trouble, count in sorted(troubles.items(), key=lambda one: -one[1])[:3])
    kind = DEGRADED if ready else DOWN
    text = f"{ready} of {plural(wanted, 'Pod')} ready" + (f": {why}" if why else "")
    yield kind.found(item.key, text, namespace=item.metadata.namespace, name=item.name)


def _leaders(facts: Facts, workloads: dict[str, Workload]) -> Iterator[Finding]:
    if isinstance(facts.leases, Missing):
        return
    for key, lease in facts.leases.items():
        namespace, _, name = key.partition("/")
        item = workloads.get(name)
        if name not in LEADERS or item is None or item.spec.replicas == 0:
            continue
        about = f"Lease {key}"
        if lease is None:
            yield NO_LEADER.found(about, "it does not exist", namespace=namespace, name=name)
            continue
        renewed, length = parse_rfc3339(lease.spec.renew_time), lease.spec.lease_duration_seconds or 15
        age = None if renewed is None else facts.now - renewed
        if not lease.spec.holder_identity or age is None or age > 2 * length:
            when = "never renewed" if age is None else f"renewed {duration(age)} ago"
            text = f"holder: {lease.spec.holder_identity or 'none'}, {when}"
            yield NO_LEADER.found(about, text, namespace=namespace, name=name)
