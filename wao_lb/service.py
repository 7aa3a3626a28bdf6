"""The weights of all Services that ask for them, from the current snapshot; kept, damped and versioned."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from wao_core.errors import QuantityError
from wao_core.quantity import cores
from wao_core.records import EndpointSlice, Kind, Pod, Service
from wao_core.snapshot import ClusterSnapshot
from wao_core.source.base import ObjectRef, Source
from wao_core.state import Change
from wao_lb.damping import Damper
from wao_lb.documents import ServiceWeights, WeightedEndpoint, WeightedPort
from wao_lb.members import Member, members, usable
from wao_lb.weights import RULES, Endpoints, Limits, Rule, Weights

log = logging.getLogger(__name__)

CPU_PER_REQUEST = "waok8s.github.io/cpu-per-request"
RULE = "waok8s.github.io/lb-rule"
DEFAULT_CPU_PER_REQUEST = 0.1
"""Cores, the reference's default of 100m."""
PROXY_LABEL = "service.kubernetes.io/service-proxy-name"


@dataclass(frozen=True, slots=True)
class LbSettings:
    """What Services are weighted, and how where they do not say."""

    proxy_name: str | None = None  # None: every Service with endpoints
    rule: Rule = Rule.LOOKAHEAD
    limits: Limits = field(default_factory=Limits)


class WeightBook:
    """Weights of every chosen Service.

    Parameters
    ----------
    source
        Services, EndpointSlices, Pods and their metrics.
    settings
        Which Services, and the defaults.
    """

    def __init__(self, source: Source, settings: LbSettings, *, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self._source, self._state, self._clock = source, source.state, clock
        self._slices: dict[str, set[str]] = {}
        self._current: dict[str, ServiceWeights] = {}
        self._dampers: dict[str, Damper] = {}
        self._changed: dict[str, asyncio.Event] = {}
        self._told: set[str] = set()
        self._snapshot: ClusterSnapshot | None = None
        self._dirty: set[str] = set()
        for part in self._state.endpoint_slices.values():
            self._link(part)
        self.close = self._state.subscribe([Kind.SERVICE, Kind.ENDPOINT_SLICE], self._observe)

    def get(self, key: str) -> ServiceWeights | None:
        """Return the weights of a Service, named "namespace/name"; None for one that is not weighted."""
        self._catch_up()
        return self._current.get(key)

    def all(self) -> Mapping[str, ServiceWeights]:
        """Return the weights of all Services."""
        self._catch_up()
        return self._current

    async def wait(self, key: str, version: str, timeout: float) -> ServiceWeights | None:
        """Return the weights as soon as their version is another than `version`, at the latest after `timeout`."""
        deadline = time.monotonic() + timeout
        while True:
            current = self.get(key)
            left = deadline - time.monotonic()
            if current is None or current.version != version or left <= 0:
                return current
            event = self._changed.setdefault(key, asyncio.Event())
            try:
                async with asyncio.timeout(left):
                    await event.wait()
            except TimeoutError:
                return self.get(key)

    def update(self, snapshot: ClusterSnapshot) -> None:
        """Weigh all Services anew on a new snapshot."""
        self._snapshot = snapshot
        self._dirty.update(self._state.services)
        self._catch_up()

    def _observe(self, change: Change) -> None:
        for record in (change.old, change.new):
            if isinstance(record, EndpointSlice) and record.service is not None:
                key = f"{record.namespace}/{record.service}"
                (self._link if record is change.new else self._unlink)(record)
                self._dirty.add(key)
        if change.kind is Kind.SERVICE:
            self._dirty.add(change.key)

    def _link(self, part: EndpointSlice) -> None:
        if part.service is not None:
            self._slices.setdefault(f"{part.namespace}/{part.service}", set()).add(f"{part.namespace}/{part.name}")

    def _unlink(self, part: EndpointSlice) -> None:
        self._slices.get(f"{part.namespace}/{part.service}", set()).discard(f"{part.namespace}/{part.name}")

    def _catch_up(self) -> None:
        if self._snapshot is None:
            return
        for key in sorted(self._dirty):
            service = self._state.services.get(key)
            fresh = self._weigh(service, self._snapshot) if service is not None and self._is_chosen(service) else None
            old = self._current.get(key)
            if fresh is None:
                self._current.pop(key, None)
                self._dampers.pop(key, None)
            elif old is None or old.version != fresh.version:
                self._current[key] = fresh
            if (old is None) != (fresh is None) or (old and fresh and old.version != fresh.version):
                self._changed.pop(key, asyncio.Event()).set()
        self._dirty.clear()

    def _is_chosen(self, service: Service) -> bool:
        headless = not service.cluster_ips or service.cluster_ips[0] in ("", "None")
        if service.type == "ExternalName" or headless:
            return False
        wanted = self.settings.proxy_name
        return wanted is None or service.labels.get(PROXY_LABEL) == wanted

    def _weigh(self, service: Service, snapshot: ClusterSnapshot) -> ServiceWeights:
        key = f"{service.namespace}/{service.name}"
        per_request = self._cpu_per_request(service)
        rule = self._rule(service)
        slices = [self._state.endpoint_slices[name] for name in sorted(self._slices.get(key, ()))]
        damper = self._dampers.setdefault(key, Damper())
        ports, used, reasons = [], rule, []
        for (index, family), group in sorted(members(service, slices).items()):
            chosen = usable(group)
            endpoints = self._endpoints(chosen, snapshot, service.namespace)
            made = RULES[rule](endpoints, per_request, self.settings.limits)
            addresses = [f"{index}|{member.endpoint.addresses[0]}|{member.port}" for member in chosen]
            damped = damper.step(addresses, made.weights)
            used = made.rule
            reasons.append(made.reason)
            wanted = service.ports[index]
            ports.append(
                WeightedPort(
                    name=wanted.name,
                    port=wanted.port,
                    protocol=wanted.protocol,
                    family=family,
                    endpoints=_weighted(group, chosen, made, damped),
                )
            )
        damper.forget_others()
        reason = next((reason for reason in reasons if reason), "" if ports else "the Service has no endpoints")
        return _versioned(service, str(used), reason, per_request, tuple(ports), self._clock())

    def _endpoints(self, chosen: list[Member], snapshot: ClusterSnapshot, namespace: str) -> Endpoints:
        node = np.array([snapshot.index.get(item.endpoint.node_name or "", -1) for item in chosen], dtype=np.int64)
        used, limit = np.full(len(chosen), np.nan), np.full(len(chosen), np.nan)
        for row, member in enumerate(chosen):
            if member.endpoint.target_kind not in ("Pod", ""):
                continue
            name = f"{namespace}/{member.endpoint.target_name}"
            pod: Pod | None = self._state.pods.get(name)
            if (measured := self._state.pod_metrics.get(name)) is not None:
                used[row] = measured.cpu_cores
            if pod is not None:
                stated = pod.cpu_limit if pod.cpu_limit is not None else pod.cpu_request
                limit[row] = np.nan if stated is None else stated
        return Endpoints(node, snapshot.curves, snapshot.capacity_cores, snapshot.usage_cores, used, limit)

    def _cpu_per_request(self, service: Service) -> float:
        text = service.annotations.get(CPU_PER_REQUEST)
        if text is None:
            return DEFAULT_CPU_PER_REQUEST
        try:
            value = cores(text)
        except QuantityError as error:
            self._refuse(service, CPU_PER_REQUEST, str(error))
            return DEFAULT_CPU_PER_REQUEST
        if not 0.0 < value <= 1024.0:
            self._refuse(service, CPU_PER_REQUEST, f"{text!r:.40} is not a positive quantity of CPU, such as 100m")
            return DEFAULT_CPU_PER_REQUEST
        return value

    def _rule(self, service: Service) -> Rule:
        text = service.annotations.get(RULE)
        if text is None:
            return self.settings.rule
        if text in RULES:
            return Rule(text)
        self._refuse(service, RULE, f"{text!r:.40} is not a rule: write {' or '.join(RULES)}")
        return self.settings.rule

    def _refuse(self, service: Service, annotation: str, reason: str) -> None:
        """Tell once, by a Warning Event, that an annotation is not used and what is used instead."""
        mark = f"{service.uid}{service.namespace}/{service.name}{annotation}{service.annotations[annotation]}"
        if mark in self._told:
            return
        if len(self._told) > 10_000:
            self._told.clear()
        self._told.add(mark)
        about = ObjectRef("Service", service.name, service.namespace, service.uid)
        message = f"annotation {annotation}: {reason}; the default is used"
        log.warning("Service %s/%s: %s", service.namespace, service.name, message)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        task = loop.create_task(self._source.event(about, reason="BadAnnotation", message=message, warning=True))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())


def _weighted(
    group: list[Member], chosen: list[Member], made: Weights, damped: NDArray[np.float64]
) -> tuple[WeightedEndpoint, ...]:
    rows = {(member.endpoint.addresses[0], member.port): row for row, member in enumerate(chosen)}
    found = []
    for member in group:
        row = rows.get((member.endpoint.addresses[0], member.port))
        increase = None if row is None else float(made.increase[row])
        found.append(
            WeightedEndpoint(
                address=member.endpoint.addresses[0],
                port=member.port,
                node_name=member.endpoint.node_name,
                zone=member.endpoint.zone,
                weight=0.0 if row is None else round(float(damped[row]), 4),
                watt_increase=None if increase is None or not np.isfinite(increase) else round(increase, 4),
                ready=member.endpoint.ready,
                serving=member.endpoint.serving,
                terminating=member.endpoint.terminating,
                reason="not ready" if row is None else made.reasons[row],
            )
        )
    return tuple(sorted(found, key=lambda item: (item.address, item.port)))


def _versioned(
    service: Service, rule: str, reason: str, per_request: float, ports: tuple[WeightedPort, ...], now: float
) -> ServiceWeights:
    told = [
        (
            port.name,
            port.port,
            port.family,
            [(item.address, item.port, item.weight, item.ready) for item in port.endpoints],
        )
        for port in ports
    ]
    version = hashlib.sha256(msgspec.json.encode([rule, told])).hexdigest()[:16]
    return ServiceWeights(
        namespace=service.namespace,
        service=service.name,
        rule=rule,
        reason=reason,
        version=version,
        generated_at=now,
        cpu_per_request_cores=per_request,
        ports=ports,
    )
