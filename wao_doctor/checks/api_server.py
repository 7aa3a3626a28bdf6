"""Check `api-server`: reachable, of a supported version, with the same time. Pure."""

from __future__ import annotations

import re
from dataclasses import replace

from wao_core.certificates.parts import CLOCK_SKEW
from wao_doctor.facts import Facts, Missing, known
from wao_doctor.findings import Kind, Outcome, Severity, duration, listed, plural
from wao_predict.timestamps import parse_rfc3339

OLDEST = (1, 29)
"""The oldest version of Kubernetes that is supported."""
CLOCKS_DIFFER = 5.0
"""Difference between two clocks [s] from which on ages cannot be trusted."""
LEASE = 40
"""Seconds that the Lease of a node holds, unless it says otherwise."""
LATE = 1.5
"""Age of a heartbeat, in durations of the Lease, from which on it is late."""

UNREACHABLE = Kind(
    "api-server-unreachable",
    Severity.ERROR,
    "The API server does not answer.",
    "Nothing else can be examined. Running parts of WAO go on with the last state that they know.",
    "the request, and the error",
    "Check the address and the credentials in the kubeconfig, the network, and the log of the API server.",
)
OLD = Kind(
    "kubernetes-old",
    Severity.ERROR,
    f"Kubernetes is older than {OLDEST[0]}.{OLDEST[1]}.",
    "WAO is not tested on this version. Its custom resources use rules that older API servers refuse.",
    "the version of the API server, or of the nodes",
    "Upgrade Kubernetes.",
)
API_CLOCK = Kind(
    "clock-differs",
    Severity.WARNING,
    "The clock of this machine differs from that of the API server.",
    "Ages are computed by the clock of the API server here. Where a part of WAO runs on a machine whose clock is "
    f"wrong, it uses old values or refuses new ones. A difference of {CLOCK_SKEW.total_seconds() / 60:g} minutes is "
    "an error: new certificates are then not valid yet.",
    "how far the clock of the API server is ahead",
    "Synchronise the clocks of this machine and of the control plane (chrony, systemd-timesyncd).",
)
NODE_CLOCK = Kind(
    "node-clock-ahead",
    Severity.WARNING,
    "The clock of a node is ahead.",
    "The heartbeat of the node is in the future, as seen by the API server. Its CPU samples count as fresh for too "
    "long.",
    "how far each heartbeat is in the future",
    "Synchronise the clock of the node (chrony, systemd-timesyncd).",
)
HEARTBEAT = Kind(
    "heartbeat-late",
    Severity.WARNING,
    "A node that is Ready has not sent its heartbeat.",
    "The kubelet is slow or has lost the API server, or the clock of the node is behind.",
    "the age of the oldest heartbeat",
    "Check kubelet and clock on the node.",
)
KINDS_SERVER = (UNREACHABLE, OLD)
KINDS_CLOCKS = (API_CLOCK, NODE_CLOCK, HEARTBEAT)


def check_api_server(facts: Facts) -> Outcome:
    """Return whether the API server answers, and whether its version is supported."""
    server = facts.server
    if isinstance(server, Missing):
        found = UNREACHABLE.found("API server", server.reason)
        return Outcome("", [replace(found, remedy=server.remedy or found.remedy)])
    old = [OLD.found(server.url, server.version)] if is_old(server.version) else []
    return Outcome(f"{server.version} at {server.url}", old)


def is_old(version: str) -> bool:
    """Return whether a version of Kubernetes is too old; one that cannot be read is not.

    Examples
    --------
    >>> is_old("v1.28.4"), is_old("v1.30.0-rc.1"), is_old("v0.0.0-master"), is_old("")
    (True, False, False, False)
    """
    found = re.match(r"v?(\d+)\.(\d+)", version)
    return found is not None and (0, 0) < (int(found[1]), int(found[2])) < OLDEST  # 0.0: built without a version


def check_clocks(facts: Facts) -> Outcome:
    """Return whether the clocks of this machine, of the API server and of the nodes agree."""
    server, leases, nodes = known(facts.server), known(facts.node_leases), known(facts.nodes)
    found = []
    if abs(server.skew) - server.uncertainty > CLOCKS_DIFFER:
        worst = abs(server.skew) >= CLOCK_SKEW.total_seconds()
        ahead = "ahead of" if server.skew > 0 else "behind"
        text = f"the API server is {duration(server.skew)} {ahead} this machine"
        found.append(API_CLOCK.found("this machine", text, severity=Severity.ERROR if worst else Severity.WARNING))
    ready = {node.name for node in nodes.objects if node.ready}
    ages = {
        lease.name: (facts.now - renewed, lease.spec.lease_duration_seconds or LEASE)
        for lease in leases.objects
        if lease.name in ready and (renewed := parse_rfc3339(lease.spec.renew_time)) is not None
    }
    ahead_by = {name: -age for name, (age, _) in ages.items() if -age - server.uncertainty > CLOCKS_DIFFER}
    if ahead_by:
        shown = [f"{name} {duration(by)}" for name, by in sorted(ahead_by.items(), key=lambda item: -item[1])]
        found.append(NODE_CLOCK.found(ahead_by, f"in the future: {listed(shown)}"))
    late = {name: age for name, (age, length) in ages.items() if age - server.uncertainty > LATE * length}
    if late:
        shown = [f"{name} {duration(age)}" for name, age in sorted(late.items(), key=lambda item: -item[1])]
        found.append(HEARTBEAT.found(late, f"last heartbeat: {listed(shown)} ago"))
    return Outcome(f"this machine and {plural(len(ages), 'node')} agree within {CLOCKS_DIFFER:g} s", found)
