"""One Service in the weight book: its endpoints as pools, the version of its weights, and its document."""

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
from wao_lb.rows import SCALE, Rows
from wao_lb.settings import ServiceSettings
from wao_lb.weight_table import WeightTable
from wao_predict.timestamps import format_rfc3339
from wao_predict.traffic.reasons import NOTE_TEXTS, REASON_TEXTS, RULES, Note, Reason

PoolKey = tuple[int, str]
"""Index of the Service port, and address family."""
EndpointKey = tuple[PoolKey, str, int]
"""Pool, address and port of an endpoint."""


@dataclass(slots=True, eq=False)
class Entry:
    """A weighted Service.

    Attributes
    ----------
    groups
        All endpoints by pool, sorted by address.
    usable
        The endpoints that receive traffic, pool by pool: one row of the table each.
    counts
        Number of usable endpoints of each pool; pools without any are left out.
    table
        The table that has the rows of the Service.
    version
        Version of the published weights, empty before the first.
    """

    service: Service
    settings: ServiceSettings
    groups: dict[PoolKey, list[ServiceEndpoint]]
    usable: list[ServiceEndpoint]
    counts: list[int]
    table: WeightTable
    version: str = ""
    _digest: bytes = b""
    _endpoint_keys: list[EndpointKey] = field(default_factory=list)
    _pool_keys: list[tuple[str, str, str]] = field(default_factory=list)  # port name, protocol, family
    _labels: list[Labels] | None = None
    _document: ServiceWeights | None = None

    @classmethod
    def of(
        cls, service: Service, slices: Iterable[EndpointSlice], settings: ServiceSettings, table: WeightTable
    ) -> Entry:
        """Return the entry of a Service, without weights."""
        groups = {
            key: sorted(group, key=lambda item: (item.address, item.port))
            for key, group in sorted(service_endpoints(service, slices).items())
        }
        chosen = {key: used for key, group in groups.items() if (used := receiving_traffic(group))}
        endpoints = [(key, [_identity(item) for item in group]) for key, group in groups.items()]
        ports = [service.families, *((port.name, port.port, port.protocol) for port in service.ports)]
        return cls(
            service=service,
            settings=settings,
            groups=groups,
            usable=[item for group in chosen.values() for item in group],
            counts=[len(group) for group in chosen.values()],
            table=table,
            _digest=hashlib.sha256(msgspec.json.encode([ports, endpoints])).digest(),
            _endpoint_keys=[(key, item.address, item.port) for key, group in chosen.items() for item in group],
            _pool_keys=[(service.ports[index].name, service.ports[index].protocol, family) for index, family in chosen],
        )

    @property
    def key(self) -> str:
        """The Service as "namespace/name"."""
        return f"{self.service.namespace}/{self.service.name}"

    @property
    def rows(self) -> Rows:
        """Weights and plan of the usable endpoints and of their pools, as views."""
        return self.table.rows(self.key)

    @property
    def pods(self) -> list[str | None]:
        """The pod of each usable endpoint as "namespace/name", None for an endpoint without one."""
        return [_pod(item, self.service.namespace) for item in self.usable]

    def fresh_rows(self, pods: Sequence[int], old: Entry | None) -> Rows:
        """Return the rows of the Service for the table.

        Parameters
        ----------
        pods
            Row of each pod of `pods`.
        old
            The entry that this one replaces, still in the table: endpoints keep their weights and pools their load.
        """
        rows = Rows.fresh(pods, [item.endpoint.node_name or "" for item in self.usable], self.counts, self.settings)
        if old is not None:
            self._inherit(rows, old)
        return rows

    def publish(self, weights: bytes = b"") -> bool:
        """Update the version to the published weights, given as by `WeightTable.plan`; return whether it changed."""
        version = hashlib.sha256(self._digest + weights).hexdigest()[:16]
        if version == self.version:
            return False
        self.version, self._document = version, None
        return True

    def document(self, now: float) -> ServiceWeights:
        """Return the document of this version; made when it is first read, at `now` [s since the epoch]."""
        if self._document is None:
            self._document = self._make_document(now)
        return self._document

    @property
    def labels(self) -> Sequence[Labels]:
        """The Prometheus labels of the usable endpoints; made once."""
        if self._labels is None:
            own = (("namespace", self.service.namespace), ("service", self.service.name))
            ports = [self.service.ports[key[0][0]] for key in self._endpoint_keys]
            self._labels = [
                (*own, ("port", port.name or str(port.port)), ("endpoint", item.target))
                for port, item in zip(ports, self.usable, strict=True)
            ]
        return self._labels

    @property
    def rule(self) -> str:
        """The rule in use: that of the first pool that deviates from the chosen rule, else the chosen rule."""
        used = [RULES[code] for code in self.rows.rule]
        return next((rule for rule in used if rule != self.settings.rule), self.settings.rule).value

    @property
    def reason(self) -> str:
        """Why another rule is in use, or what restricts it; or an empty string."""
        if not any(self.groups.values()):
            return "the Service has no endpoints"
        if not self.usable:
            return "no endpoint is ready"
        return next((REASON_TEXTS[Reason(code)] for code in self.rows.reason if code), "")

    def _inherit(self, rows: Rows, old: Entry) -> None:
        before = old.rows
        found = {key: row for row, key in enumerate(old._endpoint_keys)}
        rows.weights[:] = [before.weights[found[key]] if key in found else np.nan for key in self._endpoint_keys]
        if len(self.counts) == len(old.counts):
            rows.rule[:], rows.reason[:] = before.rule, before.reason
        loads = dict(zip(old._pool_keys, zip(before.load, before.measured_at, strict=True), strict=True))
        for row, key in enumerate(self._pool_keys):
            rows.load[row], rows.measured_at[row] = loads.get(key, (np.nan, -np.inf))

    def _make_document(self, now: float) -> ServiceWeights:
        row_of = {key: row for row, key in enumerate(self._endpoint_keys)}
        rows = self.rows
        ports = []
        for key, group in self.groups.items():
            port = self.service.ports[key[0]]
            endpoints = [_weighted_endpoint(item, row_of.get((key, item.address, item.port)), rows) for item in group]
            ports.append(
                WeightedPort(
                    name=port.name, port=port.port, protocol=port.protocol, family=key[1], endpoints=tuple(endpoints)
                )
            )
        return ServiceWeights(
            namespace=self.service.namespace,
            service=self.service.name,
            rule=self.rule,
            reason=self.reason,
            version=self.version,
            generated_at=format_rfc3339(now, microseconds=True),
            cpu_per_request_cores=self.settings.cpu_per_request,
            families=self.service.families,
            ports=tuple(ports),
        )


def _weighted_endpoint(item: ServiceEndpoint, row: int | None, rows: Rows) -> WeightedEndpoint:
    increase = float("nan") if row is None else float(rows.increase[row])
    return WeightedEndpoint(
        address=item.address,
        port=item.port,
        node_name=item.endpoint.node_name,
        zone=item.endpoint.zone,
        weight=0.0 if row is None else float(rows.published[row]) / SCALE,
        watt_increase=round(increase, 4) if np.isfinite(increase) else None,
        ready=item.endpoint.ready,
        serving=item.endpoint.serving,
        terminating=item.endpoint.terminating,
        reason="not ready" if row is None else NOTE_TEXTS[Note(rows.note[row])],
    )


def _identity(item: ServiceEndpoint) -> tuple[str, int, bool, bool, bool]:
    endpoint = item.endpoint
    return item.address, item.port, endpoint.ready, endpoint.serving, endpoint.terminating


def _pod(item: ServiceEndpoint, namespace: str) -> str | None:
    endpoint = item.endpoint
    return (
        f"{namespace}/{endpoint.target_name}" if endpoint.target_kind in ("Pod", "") and endpoint.target_name else None
    )
