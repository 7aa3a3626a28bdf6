"""The rules of one Service in one address family. Pure.

Chains and their order are those of kube-proxy's nftables mode (kubernetes pkg/proxy/nftables/proxier.go), which
operators know. There are two differences. Traffic is distributed by a named weight map that contains the endpoints
themselves; only a Service with session affinity has a chain per endpoint. And packets never look up an anonymous set,
because changing one loses connections.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wao_core.cluster.addresses import host_port, network_of
from wao_core.cluster.records import Service, ServicePort
from wao_core.cluster.service_endpoints import ServiceEndpoint
from wao_lb.agent.endpoints import Chosen, choose
from wao_lb.agent.model import (
    CLUSTER_IPS,
    DROP,
    FIREWALL_IPS,
    HAIRPINS,
    NO_ENDPOINT_NODE_PORTS,
    NO_ENDPOINTS,
    REJECT,
    SERVICE_IPS,
    SERVICE_NODE_PORTS,
    SLOT,
    NamedSet,
    NodeSetup,
    Rules,
    UdpFlows,
    WeightMap,
)
from wao_lb.agent.names import PortNames, port_names
from wao_lb.agent.slots import Key

MASQUERADE = "jump mark-for-masquerade"


@dataclass(frozen=True, slots=True)
class _Port:
    """One port of a Service, with everything that its rules depend on."""

    service: Service
    port: ServicePort
    names: PortNames
    chosen: Chosen
    setup: NodeSetup
    cluster_ips: tuple[str, ...]
    external_ips: tuple[str, ...]
    ingress_ips: tuple[str, ...]

    @property
    def protocol(self) -> str:
        return self.port.protocol.lower()

    @property
    def internal_local(self) -> bool:
        return self.service.internal_traffic_policy == "Local"

    @property
    def external_local(self) -> bool:
        return self.service.external_traffic_policy == "Local"

    @property
    def node_port(self) -> int | None:
        return self.port.node_port if self.service.type in ("NodePort", "LoadBalancer") else None

    @property
    def exposed(self) -> bool:
        return bool(self.external_ips or self.ingress_ips or self.node_port)

    @property
    def affinity(self) -> int | None:
        return self.service.affinity_timeout if self.service.session_affinity == "ClientIP" else None

    @property
    def uses_cluster(self) -> bool:
        return not self.internal_local or self.exposed

    @property
    def uses_local(self) -> bool:
        return self.internal_local or (self.exposed and self.external_local)

    @property
    def used(self) -> tuple[Key, ...]:
        """Endpoints that receive any traffic, including terminating ones that only serve local traffic."""
        cluster = self.chosen.cluster if self.uses_cluster else ()
        return tuple(sorted({*cluster, *(self.chosen.local if self.uses_local else ())}))

    @property
    def internal_chain(self) -> str:
        return self.names.local if self.internal_local else self.names.cluster

    def key(self, address: str) -> str:
        return f"{address} . {self.protocol} . {self.port.port}"


@dataclass(slots=True)
class _Draft:
    """The rules of a Service while its ports are added."""

    chains: dict[str, tuple[str, ...]] = field(default_factory=dict)
    sets: dict[str, NamedSet] = field(default_factory=dict)
    weight_maps: dict[str, WeightMap] = field(default_factory=dict)
    elements: dict[str, dict[str, str]] = field(default_factory=dict)
    udp: dict[str, UdpFlows] = field(default_factory=dict)
    without_local: set[str] = field(default_factory=set)
    endpoints: int = 0

    def add(self, name: str, key: str, verdict: str = "") -> None:
        """Add an element of a shared map or set."""
        self.elements.setdefault(name, {})[key] = verdict

    def rules(self) -> Rules:
        """Return the finished rules."""
        without_local = frozenset(self.without_local)
        return Rules(self.chains, self.sets, self.weight_maps, self.elements, self.udp, without_local, self.endpoints)


def service_rules(service: Service, groups: Mapping[int, Sequence[ServiceEndpoint]], setup: NodeSetup) -> Rules:
    """Return the rules of a Service in one family.

    Parameters
    ----------
    groups
        Endpoints of this family, by index of the Service port.
    """
    draft, family = _Draft(), setup.family
    cluster_ips = family.addresses(service.cluster_ips)
    if not cluster_ips:
        return draft.rules()
    balancing = service.type == "LoadBalancer"
    ingress = [item.ip for item in service.ingress if item.ip_mode == "VIP"] if balancing else []
    for index, port in enumerate(service.ports):
        chosen = choose(groups.get(index, ()), setup.node_name)
        _add_port(
            draft,
            _Port(
                service,
                port,
                port_names(service, port),
                chosen,
                setup,
                cluster_ips,
                family.addresses(service.external_ips),
                family.addresses(ingress),
            ),
        )
    return draft.rules()


def _add_port(draft: _Draft, port: _Port) -> None:
    for address in port.cluster_ips:
        draft.add(CLUSTER_IPS, address)
    if port.chosen.cluster:
        _add_endpoints(draft, port)
        _add_weight_maps(draft, port)
        if port.exposed:
            draft.chains[port.names.external] = _external_rules(port)
    _add_frontends(draft, port)
    if port.service.source_ranges:
        _add_firewall(draft, port)
    if port.protocol == "udp":
        draft.udp[port.names.cluster] = _flows(port)


def _add_frontends(draft: _Draft, port: _Port) -> None:
    """Add the addresses of the port, and the verdict for traffic without a usable endpoint."""
    there, chosen = bool(port.chosen.cluster), port.chosen
    inside = bool(chosen.local if port.internal_local else chosen.cluster)
    outside = bool(chosen.local if port.external_local else chosen.cluster)
    for address in port.cluster_ips:
        if inside:
            draft.add(SERVICE_IPS, port.key(address), f"goto {port.internal_chain}")
        else:
            draft.add(NO_ENDPOINTS, port.key(address), DROP if there else REJECT)
    for address in (*port.external_ips, *port.ingress_ips):
        if there:
            draft.add(SERVICE_IPS, port.key(address), f"goto {port.names.external}")
        if not outside:
            draft.add(NO_ENDPOINTS, port.key(address), DROP if there else REJECT)
    if port.node_port:
        key = f"{port.protocol} . {port.node_port}"
        if there:
            draft.add(SERVICE_NODE_PORTS, key, f"goto {port.names.external}")
        if not outside:
            draft.add(NO_ENDPOINT_NODE_PORTS, key, DROP if there else REJECT)
    if there and not inside:
        draft.without_local.add("internal")
    if there and not outside and port.exposed:
        draft.without_local.add("external")


def _add_endpoints(draft: _Draft, port: _Port) -> None:
    family, seconds = port.setup.family, port.affinity
    draft.endpoints += len(port.used)
    for address, number in port.used:
        if address in port.chosen.perhaps_here:  # hairpin traffic occurs on the pod's own node only
            draft.add(HAIRPINS, f"{address} . {address}")
        if seconds is None:
            continue
        name = port.names.affinity(address, number, seconds)
        draft.sets[name] = NamedSet(f"type {family.set_type}; flags dynamic,timeout; timeout {seconds}s;")
        draft.chains[port.names.endpoint(address, number)] = (
            f"update @{name} {{ {family.nft} saddr }}",
            f"meta l4proto {port.protocol} dnat to {host_port(address, number)}",
        )


def _add_weight_maps(draft: _Draft, port: _Port) -> None:
    chosen, names = port.chosen, port.names
    splits = ((names.cluster, chosen.cluster, port.uses_cluster), (names.local, chosen.local, port.uses_local))
    for chain, keys, used in splits:
        if used and keys:
            masquerading = _masquerade_rules(port) if chain == port.internal_chain else ()
            draft.chains[chain] = (
                *masquerading,
                *_affinity_rules(port, keys),
                _distribution_rule(draft, port, chain, keys),
            )


def _distribution_rule(draft: _Draft, port: _Port, chain: str, keys: tuple[Key, ...]) -> str:
    sticky, family = port.affinity is not None, port.setup.family.nft
    translate = f"meta l4proto {port.protocol} dnat"
    if len(keys) == 1:  # a map of one endpoint would only cost time
        return f"goto {port.names.endpoint(*keys[0])}" if sticky else f"{translate} to {host_port(*keys[0])}"
    name = port.names.weights(chain) if sticky else port.names.split(chain)
    draft.weight_maps[name] = WeightMap(
        f"{port.service.namespace}/{port.service.name}",
        (port.port.port, port.port.protocol),
        # once the rule exists, nft refuses `th dport` for the port next to the protocol of the rule
        "verdict" if sticky else f"{family} daddr . {port.protocol} dport",
        tuple((key, port.names.endpoint(*key) if sticky else key) for key in keys),
    )
    return f"{SLOT} vmap @{name}" if sticky else f"{translate} {family} to {SLOT} map @{name}"


def _masquerade_rules(port: _Port) -> tuple[str, ...]:
    """Return the rules that masquerade traffic to cluster IPs from sources other than pods."""
    source = "" if port.setup.masquerade_all else port.setup.not_local
    if not source and not port.setup.masquerade_all:
        return ()
    return tuple(
        f"{port.setup.family.nft} daddr {address} {port.protocol} dport {port.port.port} "
        f"{source + ' ' if source else ''}{MASQUERADE}"
        for address in port.cluster_ips
    )


def _affinity_rules(port: _Port, keys: tuple[Key, ...]) -> tuple[str, ...]:
    seconds = port.affinity
    if seconds is None:
        return ()
    return tuple(
        f"{port.setup.family.nft} saddr @{port.names.affinity(*key, seconds)} goto {port.names.endpoint(*key)}"
        for key in keys
    )


def _external_rules(port: _Port) -> tuple[str, ...]:
    names, chosen, rules = port.names, port.chosen, []
    if not port.external_local:
        return MASQUERADE, f"goto {names.cluster}"
    if port.setup.local:
        # for pods the address acts as the cluster IP: all endpoints
        rules.append(f"{port.setup.local} goto {names.cluster}")
    rules.append(f"fib saddr type local {MASQUERADE}")
    rules.append(f"fib saddr type local goto {names.cluster}")
    if chosen.local:
        rules.append(f"goto {names.local}")
    return tuple(rules)


def _add_firewall(draft: _Draft, port: _Port) -> None:
    """Restrict traffic to load balancer addresses to loadBalancerSourceRanges; no range of this family allows none."""
    if not port.ingress_ips:
        return
    family = port.setup.family
    ranges = list(family.networks(port.service.source_ranges))
    inside = [network for text in ranges if (network := network_of(text)) is not None]
    node = [network for text in port.setup.node_ips or () if (network := network_of(text)) is not None]
    if any(ip.subnet_of(network) for ip in node for network in inside):  # type: ignore[arg-type]
        # traffic of an allowed node may have the address of the load balancer as its source
        ranges = list(family.networks([*ranges, *port.ingress_ips]))
    draft.sets[port.names.sources] = NamedSet(f"type {family.set_type}; flags interval;", tuple(ranges))
    draft.chains[port.names.firewall] = (f"{family.nft} saddr @{port.names.sources} return", DROP)
    for address in port.ingress_ips:
        draft.add(FIREWALL_IPS, port.key(address), f"goto {port.names.firewall}")


def _flows(port: _Port) -> UdpFlows:
    frontends = {(address, port.port.port) for address in (*port.cluster_ips, *port.external_ips, *port.ingress_ips)}
    if port.node_port:
        frontends |= {(address, port.node_port) for address in port.setup.node_ips or ("",)}
    return UdpFlows(frozenset(frontends), frozenset(port.used))
