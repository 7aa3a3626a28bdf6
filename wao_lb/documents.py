"""The JSON documents of the weight service, which it encodes and node agents decode.

Fields that an agent does not need have defaults, so that agents also read the documents of older and newer services.
"""

from __future__ import annotations

import msgspec


class WeightedEndpoint(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """One endpoint of a port with its weight: its share of the port's traffic [%]."""

    address: str
    port: int
    node_name: str | None = None
    zone: str | None = None
    weight: float
    watt_increase: float | None = None
    ready: bool = True
    serving: bool = True
    terminating: bool = False
    reason: str = ""


class WeightedPort(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """One port of a Service in one address family; the weights of its endpoints sum to 100."""

    name: str = ""
    port: int
    protocol: str
    family: str = ""
    endpoints: tuple[WeightedEndpoint, ...]


class ServiceWeights(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """The response to `GET /v1/weights/{namespace}/{service}`; `version` changes exactly when a weight does.

    `families` are the address families of the Service, its primary one first.
    """

    namespace: str = ""
    service: str = ""
    rule: str = ""
    reason: str = ""
    version: str
    generated_at: str = ""
    cpu_per_request_cores: float = 0.0
    families: tuple[str, ...] = ()
    ports: tuple[WeightedPort, ...]


class ServiceSummary(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """One Service in the list of all; `version` changes exactly when one of its weights does."""

    namespace: str
    service: str
    rule: str = ""
    reason: str = ""
    version: str
    endpoints: int = 0


class WeightsListing(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """The response to `GET /v1/weights`."""

    version: str
    services: tuple[ServiceSummary, ...]
