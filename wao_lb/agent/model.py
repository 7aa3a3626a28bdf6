"""The rules of one Service in one address family, and the settings they depend on. Pure: data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wao_lb.agent.family import Family
from wao_lb.agent.slots import MODULUS, Key, Target

CLUSTER_IPS, NODE_PORT_IPS, LOCAL_SOURCES = "cluster-ips", "nodeport-ips", "local-sources"
HAIRPINS = "hairpin-connections"
SERVICE_IPS, SERVICE_NODE_PORTS = "service-ips", "service-nodeports"
NO_ENDPOINTS, NO_ENDPOINT_NODE_PORTS, FIREWALL_IPS = "no-endpoint-services", "no-endpoint-nodeports", "firewall-ips"

SLOT = f"numgen random mod {MODULUS}"
REJECT = "goto reject-chain"
DROP = "drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSetup:
    """The settings of this node for all Services of one family.

    Attributes
    ----------
    node_name
        Endpoints with this node name are local.
    node_ips
        Addresses that accept node ports; None for every local address except loopback.
    local_cidrs
        Networks of the pods; their traffic counts as internal and is not masqueraded.
    local_interface
        Identify pod traffic by input interface instead; a trailing * matches any suffix.
    masquerade_all
        Masquerade all traffic to cluster IPs.
    masquerade_mark
        Packet-mark bit that requests masquerading (default: kube-proxy's, so that both agree).
    """

    family: Family
    node_name: str
    node_ips: tuple[str, ...] | None = ()
    local_cidrs: tuple[str, ...] = ()
    local_interface: str = ""
    masquerade_all: bool = False
    masquerade_mark: int = 0x4000

    @property
    def local(self) -> str:
        """The match of traffic from pods, or "" if it cannot be identified."""
        if self.local_cidrs:
            return f"{self.family.nft} saddr @{LOCAL_SOURCES}"
        return f'iifname "{self.local_interface}"' if self.local_interface else ""

    @property
    def not_local(self) -> str:
        """The match of traffic that is not from pods, or "" if it cannot be identified."""
        if self.local_cidrs:
            return f"{self.family.nft} saddr != @{LOCAL_SOURCES}"
        return f'iifname != "{self.local_interface}"' if self.local_interface else ""


@dataclass(frozen=True, slots=True)
class NamedSet:
    """A named set. `elements` is None for a set that packets fill; it is never flushed."""

    spec: str
    elements: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class WeightMap:
    """A named weight map.

    Attributes
    ----------
    service, port
        The Service (namespace/name) and its port (number and protocol) that the weights belong to.
    data
        nft type of the values.
    targets
        The endpoints, each with the value of its slots.
    """

    service: str
    port: tuple[int, str]
    data: str
    targets: tuple[tuple[Key, Target], ...]

    @property
    def spec(self) -> str:
        """The nft declaration."""
        return f"typeof {SLOT} : {self.data}; flags interval;"


@dataclass(frozen=True, slots=True)
class UdpFlows:
    """Where UDP traffic of one Service port may go; conntrack entries to other endpoints are stale.

    Attributes
    ----------
    frontends
        Addresses and ports that clients send to.
    backends
        The endpoints in use.
    """

    frontends: frozenset[Key]
    backends: frozenset[Key]


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one Service in one family.

    Attributes
    ----------
    chains, sets, weight_maps
        Objects of the Service, by name.
    elements
        Elements of shared maps and sets: by name of the map or set, the verdict ("" in a set) by key.
    udp
        UDP flows of the Service, by chain.
    without_local
        "internal" or "external" for traffic that is dropped because this node has no endpoint.
    endpoints
        Number of endpoints that receive traffic, of all ports together.
    """

    chains: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sets: Mapping[str, NamedSet] = field(default_factory=dict)
    weight_maps: Mapping[str, WeightMap] = field(default_factory=dict)
    elements: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    udp: Mapping[str, UdpFlows] = field(default_factory=dict)
    without_local: frozenset[str] = frozenset()
    endpoints: int = 0


NO_RULES = Rules()
Weights = Mapping[tuple[str, int, str], Mapping[Key, float]]
"""Known weights by (namespace/name, port, protocol), then by endpoint. The inner mappings never change."""
NO_WEIGHTS: Mapping[Key, float] = {}
"""The weights of a Service port without known weights."""
