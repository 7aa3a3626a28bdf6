"""Names by which other load balancers request a port of a Service. Pure.

A name is "namespace/service:port", where port is a name or a number. It can have qualifiers, in this order: the
protocol and the address family, as in "default/dns:53/UDP" and "default/web:http:IPv6". Without them, the protocol is
TCP if several ports have the number, and the family is the primary one of the Service.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from wao_lb.documents import ServiceWeights, WeightedPort

FAMILIES = ("IPv4", "IPv6")


def service_of(name: str) -> str:
    """Return the Service "namespace/name" of a cluster name."""
    return name.partition(":")[0]


def port_named(name: str, weights: Mapping[str, ServiceWeights]) -> WeightedPort | None:
    """Return the port of a cluster name in one address family, or None for an unknown one."""
    found = weights.get(service_of(name))
    if found is None:
        return None
    _, _, family = name.partition(":")[2].partition(":")
    wanted = family or next(iter(found.families), "")
    ports = [port for port in ports_named(name, found) if port.family == wanted or not wanted]
    return ports[0] if ports else None


def ports_named(name: str, document: ServiceWeights) -> list[WeightedPort]:
    """Return the port of a cluster name in each address family of the Service that the name allows."""
    port, _, family = name.partition(":")[2].partition(":")
    key, _, protocol = port.partition("/")
    if family not in ("", *FAMILIES):
        return []
    candidates = [item for item in document.ports if family in ("", item.family) and protocol in ("", item.protocol)]
    named = [item for item in candidates if item.name == key and key]
    chosen = named or [item for item in candidates if str(item.port) == key]
    protocols = {item.protocol for item in chosen}
    return [item for item in chosen if len(protocols) == 1 or item.protocol == "TCP"]


def cluster_names(weights: Mapping[str, ServiceWeights]) -> Iterable[str]:
    """Return the names of all ports of all Services, one for each address family."""
    for key, document in weights.items():
        primary = next(iter(document.families), "")
        for port in document.ports:
            name = f"{key}:{_port_name(port, document.ports)}"
            yield name if port.family == primary or not primary else f"{name}:{port.family}"


def _port_name(port: WeightedPort, ports: Sequence[WeightedPort]) -> str:
    if port.name:
        return port.name
    shared = any(other.port == port.port and other.protocol != port.protocol for other in ports)
    return f"{port.port}/{port.protocol}" if shared else str(port.port)
