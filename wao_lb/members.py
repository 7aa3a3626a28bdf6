"""Which endpoints a Service has, and which of them get traffic. Pure."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass

from wao_core.cluster.records import Endpoint, EndpointPort, EndpointSlice, Service


@dataclass(frozen=True, slots=True)
class Member:
    """One endpoint with the port it serves on, and its first address in the usual form."""

    endpoint: Endpoint
    port: int
    family: str
    address: str

    @property
    def target(self) -> str:
        """Address and port, as in a URL."""
        return target(self.address, self.port)


def target(address: str, port: int) -> str:
    """Return address and port as in a URL."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def members(service: Service, slices: Iterable[EndpointSlice]) -> dict[tuple[int, str], list[Member]]:
    """Return a Service's endpoints by (index of the Service port, family), merged over all slices.

    The first address of an endpoint counts; one that stands in several slices, in whatever spelling, counts once.
    """
    found: dict[tuple[int, str], dict[tuple[str, int], Member]] = {}
    for part in slices:
        if part.address_type not in ("IPv4", "IPv6"):
            continue
        for index, wanted in enumerate(service.ports):
            for port in part.ports:
                if _serves(port, wanted.name, wanted.protocol):
                    group = found.setdefault((index, part.address_type), {})
                    for member in _members_of(part, port):
                        group.setdefault((member.address, member.port), member)
    return {key: list(group.values()) for key, group in found.items()}


def _members_of(part: EndpointSlice, port: EndpointPort) -> Iterable[Member]:
    for endpoint in part.endpoints:
        if port.port is not None and endpoint.addresses and (address := canonical(endpoint.addresses[0])):
            yield Member(endpoint, port.port, part.address_type, address)


def canonical(address: str) -> str:
    """Return an IP address as it is usually written, "" for what is none."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, address))  # six times quicker than ipaddress
    except (OSError, ValueError):
        return ""


def _serves(port: EndpointPort, name: str, protocol: str) -> bool:
    return port.name == name and port.protocol == protocol and port.port is not None


def usable(group: Iterable[Member]) -> list[Member]:
    """Return the endpoints that get traffic: the ready ones, else those that still serve while they end."""
    listed = list(group)
    ready = [member for member in listed if member.endpoint.ready and not member.endpoint.terminating]
    return ready or [member for member in listed if member.endpoint.serving and member.endpoint.terminating]
