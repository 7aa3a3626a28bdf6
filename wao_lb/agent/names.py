"""Names of chains, maps and sets, similar to those of kube-proxy in nftables mode, which operators know. Pure.

`service-HASH-namespace/name/protocol/port`: the hash makes a name unique even if the rest is cut.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

from wao_core.cluster.records import Service, ServicePort

TABLE = "wao-loadbalancer"
LONGEST = 230
"""nft allows 255 characters; our longest prefix has fewer than 25."""
LONGEST_AFFINITY = 86400  # seconds
PROTOCOLS = ("TCP", "UDP", "SCTP")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class PortNames:
    """The names of one port of a Service."""

    base: str

    @property
    def cluster(self) -> str:
        """Chain that distributes traffic to all endpoints."""
        return f"service-{self.base}"

    @property
    def local(self) -> str:
        """Chain that distributes traffic to the endpoints of this node."""
        return f"local-{self.base}"

    @property
    def external(self) -> str:
        """Chain of traffic to node ports, external addresses and load balancer addresses."""
        return f"external-{self.base}"

    @property
    def firewall(self) -> str:
        """Chain that restricts the sources of traffic to load balancer addresses."""
        return f"firewall-{self.base}"

    @property
    def sources(self) -> str:
        """Set of the allowed sources."""
        return f"sources-{self.base}"

    @staticmethod
    def split(chain: str) -> str:
        """Weight map from slots to the endpoints of a cluster or local chain."""
        return f"split-{chain.removeprefix('service-')}"

    @staticmethod
    def weights(chain: str) -> str:
        """Weight map from slots to endpoint chains. A map cannot change its type, so it has another name."""
        return f"weights-{chain.removeprefix('service-')}"

    def endpoint(self, address: str, port: int) -> str:
        """Chain of one endpoint, for Services with session affinity."""
        return f"endpoint-{self._of(address, port)}"

    def affinity(self, address: str, port: int, seconds: int) -> str:
        """Set of the clients of one endpoint. A set cannot change its timeout, so the timeout is part of the name."""
        return f"affinity-{seconds}-{self._of(address, port)}"

    def _of(self, address: str, port: int) -> str:
        text = f"{self.base[9:]}__{address.replace(':', '.')}/{port}"
        return f"{_hash(f'{self.base}|{address}|{port}')}-{text}"[:LONGEST]


def port_names(service: Service, port: ServicePort) -> PortNames:
    """Return the names of a port of a Service."""
    text = f"{service.namespace}/{service.name}/{port.protocol.lower()}/{port.name}"
    return PortNames(f"{_hash(f'{text}:{port.port}')}-{text}"[:LONGEST])


def refusal(service: Service) -> str:
    """Return why a Service cannot be served, or ""; only checked names and numbers may reach the rules."""
    for word in (service.namespace, service.name):
        if not _LABEL.fullmatch(word):
            return f"{word!r:.80} is not a DNS label"
    if not any(service.cluster_ips):
        return "it has no cluster IP; in a folder of manifests, write spec.clusterIP, such as 10.96.0.10"
    for port in service.ports:
        if port.name and not _LABEL.fullmatch(port.name):
            return f"port name {port.name!r:.80} is not a DNS label"
        if port.protocol not in PROTOCOLS:
            return f"protocol {port.protocol!r:.20} is not one of {', '.join(PROTOCOLS)}"
        if not 0 < port.port < 65536:
            return f"port {port.port} is not from 1 to 65535"
        if not 0 <= (port.node_port or 0) < 65536:
            return f"node port {port.node_port} is not from 1 to 65535"
    if not 0 <= (service.health_check_node_port or 0) < 65536:
        return f"healthCheckNodePort {service.health_check_node_port} is not from 1 to 65535"
    if not 0 < service.affinity_timeout <= LONGEST_AFFINITY:
        return f"an affinity of {service.affinity_timeout} s is not from 1 s to {LONGEST_AFFINITY} s"
    return ""


@lru_cache(maxsize=65536)
def _hash(text: str) -> str:
    return base64.b32encode(hashlib.sha256(text.encode()).digest()[:5]).decode()  # 40 bits are eight characters
