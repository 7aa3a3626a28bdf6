"""All checks: what each of them asks, which facts it needs, and the kinds of what it finds. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from wao_doctor.checks import (
    api_server,
    api_services,
    certificates,
    crds,
    fleet,
    folder,
    parts,
    rights,
    scheduler,
    sensors,
    traffic,
)
from wao_doctor.facts import Facts
from wao_doctor.findings import Kind, Outcome, Severity
from wao_doctor.settings import DoctorSettings

NOT_KNOWN = Kind(
    "not-known",
    Severity.UNKNOWN,
    "A check could not be made.",
    "A fact could not be read: a right is missing, a request got no answer in time, or an object does not exist. "
    "Checks that need no such fact are made all the same.",
    "the request, and the error",
    "Grant the right, or correct what the evidence names.",
)


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes
    ----------
    question
        What it finds out, as a question.
    needs
        Names of the fields of `Facts` that it uses.
    cluster, folder
        Whether it can be made with an API server, and with a folder of manifests.
    """

    name: str
    question: str
    needs: tuple[str, ...]
    kinds: tuple[Kind, ...]
    evaluate: Callable[[Facts], Outcome]
    cluster: bool = True
    folder: bool = False


def checks(settings: DoctorSettings) -> tuple[Check, ...]:
    """Return all checks, in the order in which they are shown."""
    return (
        Check(
            "manifests",
            "Can every manifest of the folder be used?",
            ("problems", "nodes", "node_configs"),
            folder.KINDS,
            folder.check_manifests,
            cluster=False,
            folder=True,
        ),
        Check(
            "api-server",
            "Does the API server answer, and is its version supported?",
            ("server",),
            api_server.KINDS_SERVER,
            api_server.check_api_server,
        ),
        Check(
            "crds",
            "Are the custom resources installed, served, and of this release?",
            ("crds",),
            crds.KINDS,
            crds.check_crds,
        ),
        Check(
            "parts",
            "Do all parts run, and does one replica lead?",
            ("workloads", "pods", "leases"),
            parts.KINDS,
            parts.check_parts,
        ),
        Check(
            "api-services",
            "Is the metrics API registered and available, and is it the one of WAO?",
            ("api_services",),
            api_services.KINDS,
            api_services.check_api_services,
        ),
        Check(
            "certificates",
            "Are certificates valid, and signed by a published authority?",
            ("certificates",),
            certificates.KINDS,
            certificates.check_certificates,
        ),
        Check(
            "rbac",
            "Do the accounts of the installed parts have the rights that they need?",
            ("rights", "refused"),
            rights.KINDS,
            rights.check_rights,
        ),
        Check(
            "scheduler",
            "Does kube-scheduler call the extender, weigh its scores, and reach it?",
            ("config_maps", "probes"),
            scheduler.KINDS,
            partial(scheduler.check_scheduler, settings=settings),
        ),
        Check(
            "metrics-server",
            "Is the CPU use of nodes known, and how old is it?",
            ("api_services", "node_metrics", "nodes"),
            api_services.METRICS_KINDS,
            api_services.check_metrics_server,
        ),
        Check(
            "sensors",
            "Does each node have a NodeConfig whose sensors are read?",
            ("node_configs", "nodes", "templates", "samples"),
            sensors.SENSOR_KINDS,
            sensors.check_sensors,
            folder=True,
        ),
        Check(
            "models",
            "Is the power of the nodes predicted?",
            ("node_configs",),
            sensors.MODEL_KINDS,
            sensors.check_models,
            folder=True,
        ),
        Check(
            "clocks",
            "Do the clocks of this machine, the API server and the nodes agree?",
            ("server", "node_leases", "nodes"),
            api_server.KINDS_CLOCKS,
            api_server.check_clocks,
        ),
        Check(
            "proxies",
            "Does one proxy serve the Services that kube-proxy ignores?",
            ("services", "daemon_sets"),
            traffic.PROXY_KINDS,
            partial(traffic.check_proxies, settings=settings),
        ),
        Check(
            "nodes",
            "Are kernel, network and version of the nodes such that the node agent works?",
            ("nodes", "daemon_sets", "config_maps"),
            traffic.NODE_KINDS,
            traffic.check_nodes,
        ),
        Check(
            "rebalance",
            "Has the rebalancer left anything behind?",
            ("nodes", "workloads"),
            fleet.REBALANCE_KINDS,
            fleet.check_rebalance,
        ),
        Check(
            "standby",
            "Will servers that are switched off be started again?",
            ("nodes", "node_configs", "workloads", "config_maps"),
            fleet.STANDBY_KINDS,
            partial(fleet.check_standby, settings=settings),
        ),
    )
