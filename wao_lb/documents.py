"""The JSON of the weight service: what `GET /v1/weights/{namespace}/{service}` answers and agents decode."""

from __future__ import annotations

import msgspec


class WeightedEndpoint(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """One endpoint of a port with its weight: a share of 100 over the port's usable endpoints."""

    address: str
    port: int
    node_name: str | None
    zone: str | None
    weight: float
    watt_increase: float | None
    ready: bool
    serving: bool
    terminating: bool
    reason: str


class WeightedPort(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """One port of a Service, in one address family."""

    name: str
    port: int
    protocol: str
    family: str
    endpoints: tuple[WeightedEndpoint, ...]


class ServiceWeights(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """The answer of `GET /v1/weights/{namespace}/{service}`; `version` changes exactly when a weight does."""

    namespace: str
    service: str
    rule: str
    reason: str
    version: str
    generated_at: float
    cpu_per_request_cores: float
    ports: tuple[WeightedPort, ...]


class ServiceSummary(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One Service in the list of all; `version` changes exactly when one of its weights does."""

    namespace: str
    service: str
    rule: str
    reason: str
    version: str
    endpoints: int


class WeightsListing(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The answer of `GET /v1/weights`."""

    version: str
    services: tuple[ServiceSummary, ...]
