"""From one Service and its endpoints to the rules it needs in one family. Pure.

The chains and their order are those of kube-proxy's nftables mode (kubernetes pkg/proxy/nftables/proxier.go), so that
what operators know of it holds here. Different are the split (a named map that holds the endpoints themselves; only
where clients stick to theirs has each a chain), and that nothing that packets look up is an anonymous set: a change of
those loses connections.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wao_core.cluster.records import Service, ServicePort
from wao_lb.agent.endpoints import Chosen, choose
from wao_lb.agent.family import network_of
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
    Rules,
    SetSpec,
    Setup,
    Split,
    UdpFlows,
)
from wao_lb.agent.names import PortNames, port_names
from wao_lb.agent.split import Key
from wao_lb.members import Member, target

MASQUERADE = "jump mark-for-masquerade"


@dataclass(frozen=True, slots=True)
class _Port:
    """One port of a Service with what its rules are made of."""

    service: Service
    port: ServicePort
    names: PortNames
    chosen: Chosen
    setup: Setup
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
        """Endpoints that any traffic goes to; one that ends may serve here while others are ready elsewhere."""
        cluster = self.chosen.cluster if self.uses_cluster else ()
        return tuple(sorted({*cluster, *(self.chosen.local if self.uses_local else ())}))

    @property
    def internal_chain(self) -> str:
        return self.names.local if self.internal_local else self.names.cluster

    def key(self, address: str) -> str:
        return f"{address} . {self.protocol} . {self.port.port}"


def service_rules(service: Service, groups: Mapping[int, Sequence[Member]], setup: Setup) -> Rules:
    """Return the rules of a Service in one family.

    Parameters
    ----------
    groups
        Endpoints of this family by index of the Service port.
    """
    rules, family = Rules(), setup.family
    cluster_ips = family.addresses(service.cluster_ips)
    if not cluster_ips:
        return rules
    balancing = service.type == "LoadBalancer"
    ingress = [item.ip for item in service.ingress if item.ip_mode == "VIP"] if balancing else []
    for index, port in enumerate(service.ports):
        chosen = choose(groups.get(index, ()), setup.node_name)
        _add_port(
            rules,
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
    return rules


def _add_port(rules: Rules, port: _Port) -> None:
    for address in port.cluster_ips:
        rules.add(CLUSTER_IPS, address)
    if port.chosen.cluster:
        _add_endpoints(rules, port)
        _add_splits(rules, port)
        if port.exposed:
            rules.chains[port.names.external] = _external_rules(port)
    _add_frontends(rules, port)
    if port.service.source_ranges:
        _add_firewall(rules, port)
    if port.protocol == "udp":
        rules.udp[port.names.cluster] = _flows(port)


def _add_frontends(rules: Rules, port: _Port) -> None:
    """Say what each address of the port leads to, and what happens to traffic that leads nowhere."""
    there, chosen = bool(port.chosen.cluster), port.chosen
    inside = bool(chosen.local if port.internal_local else chosen.cluster)
    outside = bool(chosen.local if port.external_local else chosen.cluster)
    for address in port.cluster_ips:
        if inside:
            rules.add(SERVICE_IPS, port.key(address), f"goto {port.internal_chain}")
        else:
            rules.add(NO_ENDPOINTS, port.key(address), DROP if there else REJECT)
    for address in (*port.external_ips, *port.ingress_ips):
        if there:
            rules.add(SERVICE_IPS, port.key(address), f"goto {port.names.external}")
        if not outside:
            rules.add(NO_ENDPOINTS, port.key(address), DROP if there else REJECT)
    if port.node_port:
        key = f"{port.protocol} . {port.node_port}"
        if there:
            rules.add(SERVICE_NODE_PORTS, key, f"goto {port.names.external}")
        if not outside:
            rules.add(NO_ENDPOINT_NODE_PORTS, key, DROP if there else REJECT)
    if there and not inside:
        rules.without_local.add("internal")
    if there and not outside and port.exposed:
        rules.without_local.add("external")


def _add_endpoints(rules: Rules, port: _Port) -> None:
    family, seconds = port.setup.family, port.affinity
    rules.endpoints += len(port.used)
    for address, number in port.used:
        if address in port.chosen.perhaps_here:  # elsewhere a pod's packets to itself do not come by
            rules.add(HAIRPINS, f"{address} . {address}")
        if seconds is None:
            continue
        name = port.names.affinity(address, number, seconds)
        rules.sets[name] = SetSpec(f"type {family.set_type}; flags dynamic,timeout; timeout {seconds}s;")
        rules.chains[port.names.endpoint(address, number)] = (
            f"update @{name} {{ {family.nft} saddr }}",
            f"meta l4proto {port.protocol} dnat to {target(address, number)}",
        )


def _add_splits(rules: Rules, port: _Port) -> None:
    chosen, names = port.chosen, port.names
    splits = ((names.cluster, chosen.cluster, port.uses_cluster), (names.local, chosen.local, port.uses_local))
    for chain, keys, used in splits:
        if used and keys:
            masquerading = _masquerade_rules(port) if chain == port.internal_chain else ()
            rules.chains[chain] = (*masquerading, *_affinity_rules(port, keys), _split_rule(rules, port, chain, keys))


def _split_rule(rules: Rules, port: _Port, chain: str, keys: tuple[Key, ...]) -> str:
    sticky, family = port.affinity is not None, port.setup.family.nft
    translate = f"meta l4proto {port.protocol} dnat"
    if len(keys) == 1:  # a map for one would only cost
        return f"goto {port.names.endpoint(*keys[0])}" if sticky else f"{translate} to {target(*keys[0])}"
    name = port.names.weights(chain) if sticky else port.names.split(chain)
    rules.splits[name] = Split(
        f"{port.service.namespace}/{port.service.name}",
        (port.port.port, port.port.protocol),
        # nft refuses `th dport` for the port beside the rule's protocol, once the rule is there
        "verdict" if sticky else f"{family} daddr . {port.protocol} dport",
        tuple((key, port.names.endpoint(*key) if sticky else key) for key in keys),
    )
    return f"{SLOT} vmap @{name}" if sticky else f"{translate} {family} to {SLOT} map @{name}"


def _masquerade_rules(port: _Port) -> tuple[str, ...]:
    """Return the rules that masquerade traffic to cluster IPs which no pod of this node sent."""
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
        # pods reach all endpoints, as if the address were the cluster IP
        rules.append(f"{port.setup.local} goto {names.cluster}")
    rules.append(f"fib saddr type local {MASQUERADE}")
    rules.append(f"fib saddr type local goto {names.cluster}")
    if chosen.local:
        rules.append(f"goto {names.local}")
    return tuple(rules)


def _add_firewall(rules: Rules, port: _Port) -> None:
    """Let only the ranges of the Service through to its load balancer addresses; none of this family lets none."""
    if not port.ingress_ips:
        return
    family = port.setup.family
    ranges = list(family.networks(port.service.source_ranges))
    inside = [network for text in ranges if (network := network_of(text)) is not None]
    node = [network for text in port.setup.node_ips or () if (network := network_of(text)) is not None]
    if any(ip.subnet_of(network) for ip in node for network in inside):  # type: ignore[arg-type]
        # a node that may send can do so through the load balancer's own address
        ranges = list(family.networks([*ranges, *port.ingress_ips]))
    rules.sets[port.names.sources] = SetSpec(f"type {family.set_type}; flags interval;", tuple(ranges))
    rules.chains[port.names.firewall] = (f"{family.nft} saddr @{port.names.sources} return", DROP)
    for address in port.ingress_ips:
        rules.add(FIREWALL_IPS, port.key(address), f"goto {port.names.firewall}")


def _flows(port: _Port) -> UdpFlows:
    frontends = {(address, port.port.port) for address in (*port.cluster_ips, *port.external_ips, *port.ingress_ips)}
    if port.node_port:
        frontends |= {(address, port.node_port) for address in port.setup.node_ips or ("",)}
    return UdpFlows(frozenset(frontends), frozenset(port.used))
