"""What is wanted in the kernel for one Service in one address family. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wao_lb.agent.family import Family
from wao_lb.agent.split import MODULUS, Key, Target

CLUSTER_IPS, NODE_PORT_IPS, LOCAL_SOURCES = "cluster-ips", "nodeport-ips", "local-sources"
HAIRPINS = "hairpin-connections"
SERVICE_IPS, SERVICE_NODE_PORTS = "service-ips", "service-nodeports"
NO_ENDPOINTS, NO_ENDPOINT_NODE_PORTS, FIREWALL_IPS = "no-endpoint-services", "no-endpoint-nodeports", "firewall-ips"

SLOT = f"numgen random mod {MODULUS}"
REJECT = "goto reject-chain"
DROP = "drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What holds for all Services of one family on this node.

    Attributes
    ----------
    node_name
        Endpoints with this node name are local.
    node_ips
        Addresses that take node ports; None for every local one but loopback.
    local_cidrs
        Networks of the pods whose traffic needs no masquerading, and that count as inside the cluster.
    local_interface
        The same by the interface that traffic comes in on; a trailing * stands for any ending.
    masquerade_all
        Masquerade all traffic to cluster IPs.
    masquerade_mark
        The bit of the packet mark that asks for masquerading; kube-proxy's by default, so that both go together.
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
        """The match of traffic from pods, or "" when it cannot be told."""
        if self.local_cidrs:
            return f"{self.family.nft} saddr @{LOCAL_SOURCES}"
        return f'iifname "{self.local_interface}"' if self.local_interface else ""

    @property
    def not_local(self) -> str:
        """The match of traffic that is not from pods, or "" when it cannot be told."""
        if self.local_cidrs:
            return f"{self.family.nft} saddr != @{LOCAL_SOURCES}"
        return f'iifname != "{self.local_interface}"' if self.local_interface else ""


@dataclass(frozen=True, slots=True)
class SetSpec:
    """A named set. `elements` is None for one that the packets themselves fill: it is never flushed."""

    spec: str
    elements: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """A named weight map.

    Attributes
    ----------
    service, port
        The Service (namespace/name) and its port (number and protocol) whose weights it takes.
    data
        nft's type of what its slots lead to.
    targets
        The endpoints, each with what its slots hold.
    """

    service: str
    port: tuple[int, str]
    data: str
    targets: tuple[tuple[Key, Target], ...]

    @property
    def spec(self) -> str:
        """The declaration."""
        return f"typeof {SLOT} : {self.data}; flags interval;"


@dataclass(frozen=True, slots=True)
class UdpFlows:
    """Where UDP of one Service port may go: what conntrack remembers otherwise is out of date.

    Attributes
    ----------
    frontends
        Addresses and ports that clients send to.
    backends
        The endpoints in use.
    """

    frontends: frozenset[Key]
    backends: frozenset[Key]


@dataclass(slots=True)
class Rules:
    """All that one Service needs in one family. Made once, never changed after."""

    chains: dict[str, tuple[str, ...]] = field(default_factory=dict)
    sets: dict[str, SetSpec] = field(default_factory=dict)
    splits: dict[str, Split] = field(default_factory=dict)
    elements: dict[str, dict[str, str]] = field(default_factory=dict)  # shared map or set: key -> verdict or ""
    udp: dict[str, UdpFlows] = field(default_factory=dict)  # by chain
    without_local: set[str] = field(default_factory=set)  # "internal", "external": dropped for want of local endpoints
    endpoints: int = 0  # that traffic goes to, of all ports together

    def add(self, name: str, key: str, verdict: str = "") -> None:
        """Add an element of a shared map or set."""
        self.elements.setdefault(name, {})[key] = verdict


NO_RULES = Rules()
Weights = Mapping[tuple[str, int, str], Mapping[Key, float]]
"""Known weights by (namespace/name, port, protocol), then by endpoint; what is inside is never changed."""
NO_WEIGHTS: Mapping[Key, float] = {}
"""Those of a Service port that nothing is known of."""
