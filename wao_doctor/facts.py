"""What checks know: facts that were read, or why they were not. Pure.

A fact is frozen data without credentials: all of it may go into a support bundle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from wao_core.cluster.source import Problem
from wao_doctor import wire
from wao_doctor.findings import NotKnown

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Missing:
    """A fact that is not known: why, and what to do about it."""

    reason: str
    remedy: str = ""


NOT_READ = Missing("it was not read")


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """A list of objects; `unreadable` has the reasons by key, and `truncated` whether there are more."""

    objects: tuple[T, ...] = ()
    unreadable: Mapping[str, str] = field(default_factory=dict)
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Server:
    """The API server.

    Attributes
    ----------
    skew
        How far its clock is ahead of the clock of this machine [s].
    uncertainty
        How far `skew` may be wrong [s].
    """

    url: str
    version: str
    skew: float = 0.0
    uncertainty: float = 0.0


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate; times are seconds since the epoch. `trusted`: whether the published authorities signed it."""

    subject: str
    begin: float
    end: float
    trusted: bool = True


@dataclass(frozen=True, slots=True)
class CertificatePlace:
    """Where certificates are, such as "ConfigMap wao-system/wao-ca".

    Attributes
    ----------
    used_for
        "authority", "caBundle", "server" or "client".
    certificates
        None if there are none.
    agrees
        Whether it has the same certificates as the ConfigMap that the controller keeps.
    """

    place: str
    used_for: str
    certificates: tuple[Certificate, ...] | Missing
    agrees: bool = True


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One right of an account, "namespace/name"; an empty namespace or name is all of them."""

    account: str
    verb: str
    group: str
    resource: str
    subresource: str = ""
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        what = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        named = f" {self.name}" if self.name else ""
        return f"{self.verb} {what}{'.' + self.group if self.group else ''}{named}" + (
            f" in {self.namespace}" if self.namespace else ""
        )


@dataclass(frozen=True, slots=True)
class Probe:
    """The answer of a server's readiness check; `status` is None when there was none, and `text` says why.

    `silent`: nothing came back in time, as when a NetworkPolicy drops the packets.
    """

    url: str
    status: int | None
    text: str
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that is known; a fact that no selected check needs is missing.

    Attributes
    ----------
    now
        Time by the clock of the API server, if it is known [s since the epoch].
    config_maps, leases
        By "namespace/name"; None for one that does not exist.
    samples
        By metric, the time of each node's value.
    refused
        Rights that the API server refused, of those in `rights`.
    problems
        What cannot be read in a folder of manifests.
    """

    now: float
    server: Server | Missing = NOT_READ
    crds: Mapping[str, wire.Crd | None] | Missing = NOT_READ
    api_services: Listed[wire.ApiService] | Missing = NOT_READ
    config_maps: Mapping[str, wire.ConfigMap | Missing | None] | Missing = NOT_READ
    certificates: tuple[CertificatePlace, ...] | Missing = NOT_READ
    rights: tuple[Right, ...] | Missing = NOT_READ
    refused: tuple[Right, ...] | Missing = NOT_READ
    probes: Mapping[str, Probe | Missing] | Missing = NOT_READ
    workloads: Listed[wire.Workload] | Missing = NOT_READ
    daemon_sets: Listed[wire.Workload] | Missing = NOT_READ
    pods: Listed[wire.Pod] | Missing = NOT_READ
    leases: Mapping[str, wire.Lease | None] | Missing = NOT_READ
    node_leases: Listed[wire.Lease] | Missing = NOT_READ
    nodes: Listed[wire.Node] | Missing = NOT_READ
    node_configs: Listed[wire.NodeConfig] | Missing = NOT_READ
    templates: Listed[wire.Template] | Missing = NOT_READ
    services: Listed[wire.ProxiedService] | Missing = NOT_READ
    node_metrics: Listed[wire.NodeMetrics] | Missing = NOT_READ
    samples: Mapping[str, Mapping[str, float]] | Missing = NOT_READ
    problems: tuple[Problem, ...] | Missing = NOT_READ


def known(fact: T | Missing) -> T:
    """Return a fact.

    Raises
    ------
    NotKnown
        It is missing.
    """
    if isinstance(fact, Missing):
        raise NotKnown(fact.reason, fact.remedy)
    return fact
