"""Which UDP flows are forgotten."""

from __future__ import annotations

import socket
import struct

from tests.wao_lb.agent.services import DNS, both, rules_of, service, setup
from wao_lb.agent.linux import conntrack
from wao_lb.agent.linux.conntrack import Flow, changed_flows, decode, stale
from wao_lb.agent.linux.netlink import attribute, nested
from wao_lb.agent.model import NO_RULES, UdpFlows

VIP, POD, OTHER = ("10.96.0.10", 53), ("10.1.0.1", 5353), ("10.1.0.2", 5353)


def flow(sent_to: tuple[str, int], answered_by: tuple[str, int]) -> Flow:
    return Flow(sent_to, answered_by, b"", b"")


def test_flows_to_a_former_endpoint_or_to_none_are_stale() -> None:
    wanted = [UdpFlows(frozenset({VIP}), frozenset({POD}))]
    good, former, untranslated = flow(VIP, POD), flow(VIP, OTHER), flow(VIP, VIP)
    assert [former, untranslated] == list(stale([good, former, untranslated], wanted))


def test_flows_to_other_addresses_are_nobody_s_business() -> None:
    wanted = [UdpFlows(frozenset({VIP}), frozenset())]
    assert [] == list(stale([flow(("10.96.0.11", 53), OTHER), flow(("10.96.0.10", 54), OTHER)], wanted))


def test_a_node_port_on_every_address_takes_translated_flows_only() -> None:
    """An untranslated one may be of a server on this node that listens on the same port."""
    wanted = [UdpFlows(frozenset({("", 30053)}), frozenset({POD}))]
    ours, theirs = flow(("192.0.2.1", 30053), OTHER), flow(("192.0.2.1", 30053), ("192.0.2.1", 30053))
    assert [ours] == list(stale([ours, theirs], wanted))


def test_changes_name_ports_whose_endpoints_changed_and_frontends_that_are_gone() -> None:
    before = {"a": rules_of(service(ports=(DNS,), type="NodePort"), both(1, 2), setup())}
    same = {"a": rules_of(service(ports=(DNS,), type="NodePort"), both(1, 2), setup())}
    fewer = {"a": rules_of(service(ports=(DNS,)), both(1), setup())}
    assert [] == changed_flows(before, same)
    gone, kept = changed_flows(before, fewer)
    assert UdpFlows(frozenset({("192.0.2.1", 30053)}), frozenset()) == gone
    assert (frozenset({VIP}), frozenset({POD})) == (kept.frontends, kept.backends)
    (all_gone,) = changed_flows(before, {"a": NO_RULES})
    assert frozenset() == all_gone.backends
    assert VIP in all_gone.frontends


def tuple_of(source: tuple[str, int], target: tuple[str, int], protocol: int = conntrack.UDP) -> bytes:
    six = ":" in source[0]
    kind = socket.AF_INET6 if six else socket.AF_INET
    addresses = [attribute(number + 2 * six, socket.inet_pton(kind, item[0])) for number, item in
                 ((1, source), (2, target))]  # fmt: skip
    ports = [attribute(number, struct.pack(">H", item[1])) for number, item in ((2, source), (3, target))]
    return nested(1, *addresses) + nested(2, attribute(1, bytes([protocol])), *ports)


def test_answers_of_the_kernel_are_read_in_both_families() -> None:
    for client, frontend, pod in (
        (("192.0.2.2", 40000), VIP, POD),
        (("2001:db8::2", 40000), ("fd00:96::10", 53), ("fd01::1", 5353)),
    ):
        original, reply = tuple_of(client, frontend), tuple_of(pod, client)
        answer = nested(1, original) + nested(2, reply) + attribute(12, b"\0\0\0\7")
        assert Flow(frontend, pod, original, b"\0\0\0\7") == decode(answer)


def test_other_protocols_and_broken_answers_are_no_flows() -> None:
    tcp = tuple_of(VIP, POD, protocol=6)
    assert decode(nested(1, tcp) + nested(2, tcp)) is None
    assert decode(nested(1, tuple_of(VIP, POD))) is None
    assert decode(b"\xff\xff") is None
