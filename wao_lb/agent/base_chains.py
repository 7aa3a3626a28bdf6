"""The part of the ruleset that does not depend on Services: base chains, shared maps and sets. Pure.

Filter chains have priority -111, just before kube-proxy's -110. Otherwise kube-proxy's chain that drops packets to
unallocated cluster IPs could run before our reject, depending on load order, and clients would time out instead of
being refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from wao_lb.agent.model import (
    CLUSTER_IPS,
    FIREWALL_IPS,
    HAIRPINS,
    LOCAL_SOURCES,
    NO_ENDPOINT_NODE_PORTS,
    NO_ENDPOINTS,
    NODE_PORT_IPS,
    SERVICE_IPS,
    SERVICE_NODE_PORTS,
    NodeSetup,
)

COMMENT = "service proxy with weights, written by wao lb-agent"
BEFORE_DNAT, DNAT, AFTER_DNAT, SNAT = -111, -100, -91, 100


@dataclass(frozen=True, slots=True)
class BaseRuleset:
    """Base chains with their hooks, regular chains, and shared maps and sets with their declarations."""

    base_chains: dict[str, str]
    chains: dict[str, tuple[str, ...]]
    maps: dict[str, str]
    sets: dict[str, str]
    elements: dict[str, dict[str, str]]


def base_ruleset(setup: NodeSetup) -> BaseRuleset:
    """Return the fixed part of the ruleset for one family on one node."""
    address = setup.family.set_type
    to_port, by_address = "inet_proto . inet_service : verdict;", f"type {address} . inet_proto . inet_service"
    networks = dict.fromkeys(setup.local_cidrs, "")
    return BaseRuleset(
        base_chains={
            "filter-prerouting": _hook("filter", "prerouting", BEFORE_DNAT),
            "filter-input": _hook("filter", "input", BEFORE_DNAT),
            "filter-forward": _hook("filter", "forward", BEFORE_DNAT),
            "filter-output": _hook("filter", "output", BEFORE_DNAT),
            "filter-output-post-dnat": _hook("filter", "output", AFTER_DNAT),
            "nat-prerouting": _hook("nat", "prerouting", DNAT),
            "nat-output": _hook("nat", "output", DNAT),
            "nat-postrouting": _hook("nat", "postrouting", SNAT),
        },
        chains=_chains(setup),
        maps={
            SERVICE_IPS: f"{by_address} : verdict;",
            SERVICE_NODE_PORTS: f"type {to_port}",
            NO_ENDPOINTS: f"{by_address} : verdict;",
            NO_ENDPOINT_NODE_PORTS: f"type {to_port}",
            FIREWALL_IPS: f"{by_address} : verdict;",
        },
        sets={
            CLUSTER_IPS: f"type {address};",
            NODE_PORT_IPS: f"type {address};",
            LOCAL_SOURCES: f"type {address}; flags interval;",
            HAIRPINS: f"type {address} . {address};",
        },
        elements={NODE_PORT_IPS: dict.fromkeys(setup.node_ips or (), ""), LOCAL_SOURCES: networks},
    )


def _hook(kind: str, hook: str, priority: int) -> str:
    return f"type {kind} hook {hook} priority {priority};"


def _chains(setup: NodeSetup) -> dict[str, tuple[str, ...]]:
    ip, mark = setup.family.nft, f"{setup.masquerade_mark:#x}"
    by_address, by_port = f"{ip} daddr . meta l4proto . th dport vmap", "meta l4proto . th dport vmap"
    if setup.node_ips is None:
        to_node = f"fib daddr type local {ip} daddr != {setup.family.loopback}"
    else:
        to_node = f"{ip} daddr @{NODE_PORT_IPS}"
    new = "ct state new jump"
    return {
        "filter-prerouting": (f"{new} firewall-check",),
        "filter-input": (f"{new} nodeport-endpoints-check", f"{new} service-endpoints-check"),
        "filter-forward": (f"{new} service-endpoints-check", f"{new} cluster-ips-check"),
        "filter-output": (f"{new} firewall-check",),
        # after DNAT: traffic of this node to a Service with policy Local still reaches endpoints on other nodes
        "filter-output-post-dnat": (f"{new} service-endpoints-check", f"{new} cluster-ips-check"),
        "nat-prerouting": ("jump services",),
        "nat-output": ("jump services",),
        "nat-postrouting": ("jump masquerading",),
        "services": (f"{by_address} @{SERVICE_IPS}", f"{to_node} {by_port} @{SERVICE_NODE_PORTS}"),
        "masquerading": (
            # hairpin traffic: a pod that reaches itself through its Service must see the node as the client, or it
            # would reply to itself; untranslated packets are local traffic of a node whose pod uses the host network
            f"ct status dnat {ip} saddr . {ip} daddr @{HAIRPINS} jump mark-for-masquerade",
            f"meta mark & {mark} == 0 return",
            f"meta mark set meta mark ^ {mark}",
            "masquerade fully-random",
        ),
        "mark-for-masquerade": (f"meta mark set meta mark | {mark}",),
        "nodeport-endpoints-check": (f"{to_node} {by_port} @{NO_ENDPOINT_NODE_PORTS}",),
        "service-endpoints-check": (f"{by_address} @{NO_ENDPOINTS}",),
        # only untranslated packets still have a cluster IP: the Service does not have that port
        "cluster-ips-check": (f"{ip} daddr @{CLUSTER_IPS} goto reject-chain",),
        "firewall-check": (f"{by_address} @{FIREWALL_IPS}",),
        # without the reset an IPv6 client waits for a second: the kernel limits the rate of ICMPv6 errors
        "reject-chain": ("meta l4proto tcp reject with tcp reset", "reject"),
    }
