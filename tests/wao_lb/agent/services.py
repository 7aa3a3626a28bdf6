"""Services, endpoints and rulesets for tests; `python -m tests.wao_lb.agent.services` writes the golden files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wao_core.cluster.records import Endpoint, EndpointPort, EndpointSlice, LoadBalancerIngress, Service, ServicePort
from wao_core.cluster.service_endpoints import ServiceEndpoint, service_endpoints
from wao_lb.agent.family import FAMILIES, IPV4, Family
from wao_lb.agent.model import NodeSetup, Rules, Weights
from wao_lb.agent.service_rules import service_rules
from wao_lb.agent.table import Table, merge

GOLDEN = Path(__file__).parent / "golden"
WEB = ServicePort(port=80, name="http", node_port=30080)
DNS = ServicePort(port=53, name="dns", protocol="UDP", node_port=30053)
SIGNALS = ServicePort(port=3868, name="signals", protocol="SCTP")
SLICE_PORTS = (
    EndpointPort(name="http", port=8080),
    EndpointPort(name="dns", port=5353, protocol="UDP"),
    EndpointPort(name="signals", port=3868, protocol="SCTP"),
)


def service(**more: Any) -> Service:
    fields: dict[str, Any] = {
        "name": "web",
        "namespace": "default",
        "cluster_ips": ("10.96.0.10", "fd00:96::10"),
        "ports": (WEB,),
    }
    return Service(**(fields | more))


def endpoint(number: int, node: str = "", *, six: bool = False, **more: Any) -> Endpoint:
    address = f"fd01::{number}" if six else f"10.1.0.{number}"
    return Endpoint(addresses=(address,), node_name=node or f"node-{number}", **more)


def part(*endpoints: Endpoint, **more: Any) -> EndpointSlice:
    six = bool(endpoints) and ":" in endpoints[0].addresses[0]
    fields: dict[str, Any] = {
        "name": "web-6" if six else "web-4",
        "namespace": "default",
        "service": "web",
        "address_type": "IPv6" if six else "IPv4",
        "endpoints": endpoints,
        "ports": SLICE_PORTS,
    }
    return EndpointSlice(**(fields | more))


def both(*numbers: int, **more: Any) -> list[EndpointSlice]:
    """Return a slice of each family with these endpoints, endpoint N on node-N."""
    return [part(*(endpoint(number, six=six, **more) for number in numbers)) for six in (False, True)]


def setup(family: Family = IPV4, **more: Any) -> NodeSetup:
    four = family is IPV4
    fields: dict[str, Any] = {
        "family": family,
        "node_name": "node-1",
        "node_ips": ("192.0.2.1",) if four else ("2001:db8::1",),
        "local_cidrs": ("10.1.0.0/16",) if four else ("fd01::/64",),
    }
    return NodeSetup(**(fields | more))


def groups_of(made: Service, slices: Sequence[EndpointSlice], family: Family) -> dict[int, list[ServiceEndpoint]]:
    found = service_endpoints(made, slices)
    return {index: group for (index, kind), group in found.items() if kind == family.address_type}


def rules_of(made: Service, slices: Sequence[EndpointSlice], on: NodeSetup) -> Rules:
    return service_rules(made, groups_of(made, slices, on.family), on)


def script_of(made: Service, slices: Sequence[EndpointSlice], on: NodeSetup, weights: Weights | None = None) -> str:
    wanted = {f"{made.namespace}/{made.name}": rules_of(made, slices, on)}
    return "".join(Table(on).load(wanted, merge(wanted, wanted)[0], weights or {}).texts)


KNOWN: Weights = {("default/web", 80, "TCP"): {("10.1.0.1", 8080): 58.0, ("10.1.0.2", 8080): 100.0}}
EXPOSED: Mapping[str, Any] = {
    "type": "LoadBalancer",
    "external_ips": ("198.51.100.7", "2001:db8:7::7"),
    "ingress": (
        LoadBalancerIngress(ip="203.0.113.5"),
        LoadBalancerIngress(ip="2001:db8:5::5"),
        LoadBalancerIngress(ip="203.0.113.6", ip_mode="Proxy"),
    ),
}
CASES: Mapping[str, tuple[Service, list[EndpointSlice], Weights, Mapping[str, Any]]] = {
    "weighted": (service(), both(1, 2, 3), KNOWN, {}),
    "one-endpoint": (service(), both(2), {}, {}),
    "no-endpoints": (service(type="NodePort"), [], {}, {}),
    "two-ports": (service(ports=(WEB, DNS), type="NodePort"), both(1, 2), {}, {}),
    "sctp": (service(ports=(SIGNALS,)), both(1, 2), {}, {}),
    "node-port-on-all-addresses": (service(type="NodePort"), both(1, 2), {}, {"node_ips": None}),
    "affinity": (service(session_affinity="ClientIP", affinity_timeout=600), both(1, 2), {}, {}),
    "load-balancer": (service(**EXPOSED), both(1, 2), {}, {}),
    "source-ranges": (service(**EXPOSED, source_ranges=("192.0.2.0/24", "10.0.0.0/8")), both(1, 2), {}, {}),
    "external-local": (service(**EXPOSED, external_traffic_policy="Local"), both(1, 2), KNOWN, {}),
    "external-local-elsewhere": (service(**EXPOSED, external_traffic_policy="Local"), both(2, 3), {}, {}),
    "internal-local": (service(internal_traffic_policy="Local"), both(1, 2), {}, {}),
    "internal-local-elsewhere": (service(internal_traffic_policy="Local"), both(2, 3), {}, {}),
    "terminating": (service(), both(1, 2, ready=False, serving=True, terminating=True), {}, {}),
    "masquerade-all": (service(), both(1, 2), {}, {"masquerade_all": True, "masquerade_mark": 0x8000}),
    "by-interface": (
        service(**EXPOSED, external_traffic_policy="Local"),
        both(1, 2),
        {},
        {"local_cidrs": (), "local_interface": "cali*"},
    ),
}


def scripts(name: str) -> list[str]:
    """Return the whole rulesets of a case, one of each family."""
    made, slices, weights, more = CASES[name]
    return [script_of(made, slices, setup(family, **more), weights) for family in FAMILIES]


def skeletons() -> list[str]:
    """Return the rulesets without any Service, one of each family."""
    return ["".join(Table(setup(family)).load({}, {}, {}).texts) for family in FAMILIES]


def golden(name: str) -> str:
    """Return what the file of a case must hold: the lines of both families that are there for the Service."""
    if name == "skeleton":
        return "".join(skeletons())
    fixed = set(golden("skeleton").splitlines())
    return "".join(f"{line}\n" for script in scripts(name) for line in script.splitlines() if line not in fixed)


NAMES = ("skeleton", *CASES)

if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for case in NAMES:
        (GOLDEN / f"{case}.nft").write_text(golden(case))
