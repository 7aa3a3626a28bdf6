"""One Service in the weight book: its endpoints as pools, its present weights, and its document."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from wao_core.cluster.records import EndpointSlice, Service
from wao_core.cluster.service_endpoints import ServiceEndpoint, receiving_traffic, service_endpoints
from wao_core.serving.metrics import Labels
from wao_lb.documents import ServiceWeights, WeightedEndpoint, WeightedPort
from wao_lb.settings import Choice
from wao_predict.traffic.segments import FloatArray, IntArray
from wao_predict.traffic.weights import NOTE_TEXTS, REASON_TEXTS, RULES, CodeArray, Note, Reason

SCALE = 10_000
"""Weights are published in steps of 1/10,000 of a percent."""

PoolKey = tuple[int, str]
"""Index of the Service port, and address family."""


@dataclass(slots=True, eq=False)
class Standing:
    """The present weights of a Service's usable endpoints, in the order of `Entry.usable`.

    Attributes
    ----------
    weights
        Share of each endpoint [%], NaN for one that is not weighed yet.
    increase, note
        As in `wao_predict.traffic.weights.Weights`.
    planned
        CPU that the plan lays on each endpoint [cores], 0 where the rule plans none.
    rule, reason
        Of each pool.
    load
        CPU of each pool's traffic that was last planned for [cores], NaN unknown.
    """

    weights: FloatArray
    increase: FloatArray
    note: CodeArray
    planned: FloatArray
    rule: CodeArray
    reason: CodeArray
    load: FloatArray

    @classmethod
    def empty(cls, endpoints: int, pools: int) -> Standing:
        """Return what stands before the first weighing."""
        unknown, codes = np.full(endpoints, np.nan), np.zeros(endpoints, np.int8)
        zeros = np.zeros(pools, np.int8)
        return cls(unknown, unknown, codes, np.zeros(endpoints), zeros, zeros, np.full(pools, np.nan))


@dataclass(slots=True, eq=False)
class Entry:
    """A weighed Service.

    Attributes
    ----------
    groups
        All endpoints by pool, sorted by address.
    usable
        The endpoints that get traffic, those of one pool beside each other.
    counts
        How many of them each pool has; pools without any are left out.
    shown
        The published weights in steps of 1 / SCALE percent, -1 before the first.
    """

    service: Service
    choice: Choice
    groups: dict[PoolKey, list[ServiceEndpoint]]
    usable: list[ServiceEndpoint]
    counts: list[int]
    pods: list[str | None]
    pod_rows: IntArray
    standing: Standing
    digest: bytes
    shown: IntArray
    version: str = ""
    _keys: list[tuple[str, str, int]] = field(default_factory=list)
    _pools: list[tuple[str, str, str]] = field(default_factory=list)  # port name, protocol, family
    _labels: list[Labels] | None = None
    _document: ServiceWeights | None = None

    @property
    def key(self) -> str:
        """The Service as "namespace/name"."""
        return f"{self.service.namespace}/{self.service.name}"

    @classmethod
    def of(cls, service: Service, slices: Iterable[EndpointSlice], choice: Choice) -> Entry:
        """Return the entry of a Service, still without weights and pod rows."""
        groups = {
            key: sorted(group, key=lambda item: (item.address, item.port))
            for key, group in sorted(service_endpoints(service, slices).items())
        }
        chosen = {key: receiving_traffic(group) for key, group in groups.items()}
        flat = [member for group in chosen.values() for member in group]
        counts = [len(group) for group in chosen.values() if group]
        told = [(key, [_told(member) for member in group]) for key, group in groups.items()]
        ports = [(port.name, port.port, port.protocol) for port in service.ports]
        return cls(
            service=service,
            choice=choice,
            groups=groups,
            usable=flat,
            counts=counts,
            pods=[_pod(member, service.namespace) for member in flat],
            pod_rows=np.zeros(len(flat), dtype=np.int64),
            standing=Standing.empty(len(flat), len(counts)),
            shown=np.full(len(flat), -1, dtype=np.int64),
            digest=hashlib.sha256(msgspec.json.encode([ports, told])).digest(),
            _keys=[(str(key), member.address, member.port) for key, group in chosen.items() for member in group],
            _pools=[
                (service.ports[index].name, service.ports[index].protocol, family)
                for (index, family), group in chosen.items()
                if group
            ],
        )

    def inherit(self, old: Entry) -> None:
        """Take over weights and load of what was there before, and the version to compare with."""
        rows = {key: row for row, key in enumerate(old._keys)}
        found = np.array([rows.get(key, -1) for key in self._keys], dtype=np.int64)
        if found.size and len(old._keys):
            self.standing.weights = np.where(found >= 0, old.standing.weights[found], np.nan)
        if len(self.counts) == len(old.counts):
            self.standing.rule, self.standing.reason = old.standing.rule, old.standing.reason
        loads = dict(zip(old._pools, old.standing.load.tolist(), strict=True))
        self.standing.load = np.array([loads.get(key, np.nan) for key in self._pools])
        self.version = old.version

    def publish(self) -> bool:
        """Make the version of what is shown now; return whether it is a new one."""
        codes = self.standing.rule.tobytes() + self.standing.reason.tobytes()
        version = hashlib.sha256(self.digest + codes + self.shown.tobytes()).hexdigest()[:16]
        if version == self.version:
            return False
        self.version, self._document = version, None
        return True

    def document(self, now: float) -> ServiceWeights:
        """Return the document of this version, made when it is first asked for."""
        if self._document is None:
            self._document = self._make(now)
        return self._document

    @property
    def labels(self) -> Sequence[Labels]:
        """The Prometheus labels of the usable endpoints; made once."""
        if self._labels is None:
            own = (("namespace", self.service.namespace), ("service", self.service.name))
            keys = [(index, member) for (index, _), group in self.groups.items() for member in receiving_traffic(group)]
            self._labels = [
                (
                    *own,
                    ("port", self.service.ports[index].name or str(self.service.ports[index].port)),
                    ("endpoint", member.target),
                )
                for index, member in keys
            ]
        return self._labels

    @property
    def rule(self) -> str:
        """The rule in use: that of the first pool that could not keep to the one chosen, else the chosen one."""
        used = [RULES[code] for code in self.standing.rule]
        return next((rule for rule in used if rule != self.choice.rule), self.choice.rule).value

    @property
    def reason(self) -> str:
        """Why another rule is in use, or what else is special, or ""."""
        if not any(self.groups.values()):
            return "the Service has no endpoints"
        if not self.usable:
            return "no endpoint is ready"
        return next((REASON_TEXTS[Reason(code)] for code in self.standing.reason if code), "")

    def _make(self, now: float) -> ServiceWeights:
        rows = {key: row for row, key in enumerate(self._keys)}
        ports = []
        for (index, family), group in self.groups.items():
            wanted, name = self.service.ports[index], str((index, family))
            endpoints = tuple(self._endpoint(member, rows.get((name, member.address, member.port))) for member in group)
            port = WeightedPort(
                name=wanted.name, port=wanted.port, protocol=wanted.protocol, family=family, endpoints=endpoints
            )
            ports.append(port)
        return ServiceWeights(
            namespace=self.service.namespace,
            service=self.service.name,
            rule=self.rule,
            reason=self.reason,
            version=self.version,
            generated_at=now,
            cpu_per_request_cores=self.choice.cpu_per_request,
            ports=tuple(ports),
        )

    def _endpoint(self, member: ServiceEndpoint, row: int | None) -> WeightedEndpoint:
        increase = float("nan") if row is None else float(self.standing.increase[row])
        return WeightedEndpoint(
            address=member.address,
            port=member.port,
            node_name=member.endpoint.node_name,
            zone=member.endpoint.zone,
            weight=0.0 if row is None else float(self.shown[row]) / SCALE,
            watt_increase=round(increase, 4) if np.isfinite(increase) else None,
            ready=member.endpoint.ready,
            serving=member.endpoint.serving,
            terminating=member.endpoint.terminating,
            reason="not ready" if row is None else NOTE_TEXTS[Note(self.standing.note[row])],
        )


def _told(member: ServiceEndpoint) -> tuple[str, int, bool, bool, bool]:
    endpoint = member.endpoint
    return member.address, member.port, endpoint.ready, endpoint.serving, endpoint.terminating


def _pod(member: ServiceEndpoint, namespace: str) -> str | None:
    endpoint = member.endpoint
    return (
        f"{namespace}/{endpoint.target_name}" if endpoint.target_kind in ("Pod", "") and endpoint.target_name else None
    )
