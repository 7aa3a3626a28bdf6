"""Which endpoints a Service has, and which of them get traffic. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wao_core.records import Endpoint, EndpointPort, EndpointSlice, Service


@dataclass(frozen=True, slots=True)
class Member:
    """One endpoint with the port it serves on."""

    endpoint: Endpoint
    port: int
    family: str


def members(service: Service, slices: Iterable[EndpointSlice]) -> dict[tuple[int, str], list[Member]]:
    """Return a Service's endpoints by (index of the Service port, family), merged over all slices.

    The first address of an endpoint counts; one that stands in several slices counts once.
    """
    found: dict[tuple[int, str], dict[tuple[str, int], Member]] = {}
    for part in slices:
        if part.address_type not in ("IPv4", "IPv6"):
            continue
        for index, wanted in enumerate(service.ports):
            for port in part.ports:
                if _serves(port, wanted.name, wanted.protocol):
                    group = found.setdefault((index, part.address_type), {})
                    for endpoint in part.endpoints:
                        if endpoint.addresses and port.port is not None:
                            member = Member(endpoint, port.port, part.address_type)
                            group.setdefault((endpoint.addresses[0], port.port), member)
    return {key: list(group.values()) for key, group in found.items()}


def _serves(port: EndpointPort, name: str, protocol: str) -> bool:
    return port.name == name and port.protocol == protocol and port.port is not None


def usable(group: Iterable[Member]) -> list[Member]:
    """Return the endpoints that get traffic: the ready ones, else those that still serve while they end."""
    listed = list(group)
    ready = [member for member in listed if member.endpoint.ready and not member.endpoint.terminating]
    return ready or [member for member in listed if member.endpoint.serving and member.endpoint.terminating]
