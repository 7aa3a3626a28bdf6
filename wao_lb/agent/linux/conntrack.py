"""Stale UDP flows in conntrack.

A UDP client that keeps its socket is one flow: conntrack remembers the endpoint of the first packet, and rules are not
evaluated again. Flows to endpoints that are no longer in use are therefore deleted, and so are flows that began before
there was an endpoint. Message layout: linux/netfilter/nfnetlink_conntrack.h.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from wao_lb.agent.family import Family
from wao_lb.agent.linux.netlink import (
    Message,
    NetlinkError,
    NetlinkSocket,
    attribute,
    attributes,
    nested,
    netfilter,
)
from wao_lb.agent.model import NO_RULES, Rules, UdpFlows
from wao_lb.agent.slots import Key

SUBSYSTEM = 1
GET, DELETE = 1, 2
TUPLE_ORIG, TUPLE_REPLY, CTA_ID, FILTER = 1, 2, 12, 25
TUPLE_IP, TUPLE_PROTO = 1, 2
PROTO_NUM, PROTO_SRC_PORT, PROTO_DST_PORT = 1, 2, 3
FILTER_ORIG_FLAGS, BY_PROTOCOL = 1, 1 << 3
UDP = 17


@dataclass(frozen=True, slots=True)
class Flow:
    """One UDP flow: the destination of the client, the endpoint that replies, and its identity in conntrack."""

    sent_to: Key
    answered_by: Key
    original: bytes
    id: bytes


def stale(flows: Iterable[Flow], wanted: Iterable[UdpFlows]) -> Iterator[Flow]:
    """Yield the flows to a frontend that do not go to one of its backends.

    A frontend without an address is a node port on every local address; only translated flows to it are ours for sure.
    """
    backends = {frontend: item.backends for item in wanted for frontend in item.frontends}
    for flow in flows:
        known = backends.get(flow.sent_to)
        if known is None and flow.answered_by != flow.sent_to:
            known = backends.get(("", flow.sent_to[1]))
        if known is not None and flow.answered_by not in known:
            yield flow


def changed_flows(old: Mapping[str, Rules], new: Mapping[str, Rules]) -> list[UdpFlows]:
    """Return the UDP ports that changed; a frontend that is gone has no backends."""
    found = []
    for key, rules in new.items():
        before, after = old.get(key, NO_RULES).udp, rules.udp
        kept = frozenset[Key]().union(*(flows.frontends for flows in after.values()))
        gone = frozenset[Key]().union(*(flows.frontends for flows in before.values())) - kept
        if gone:
            found.append(UdpFlows(gone, frozenset()))
        found += [flows for name, flows in after.items() if before.get(name) != flows]
    return found


def forget(family: Family, wanted: Iterable[UdpFlows]) -> int:
    """Delete stale flows and return how many.

    Raises
    ------
    NetlinkError
        The kernel refused.
    """
    with NetlinkSocket(timeout=30.0) as reading, NetlinkSocket() as writing:
        count = 0
        for flow in list(stale(udp_flows(reading, family), wanted)):
            try:
                writing.execute(_delete(family, flow))
            except NetlinkError as error:
                if error.errno != errno.ENOENT:  # the flow ended meanwhile
                    raise
                continue
            count += 1
        return count


def udp_flows(netlink: NetlinkSocket, family: Family) -> Iterator[Flow]:
    """Yield all UDP flows of a family."""
    protocol = nested(TUPLE_ORIG, nested(TUPLE_PROTO, attribute(PROTO_NUM, bytes([UDP]))))
    only = nested(FILTER, attribute(FILTER_ORIG_FLAGS, struct.pack("=I", BY_PROTOCOL)))
    # kernels before 5.8 ignore the filter and return all flows
    for answer in netlink.dump(netfilter(SUBSYSTEM, GET, family.number, protocol, only)):
        if (flow := decode(answer)) is not None:
            yield flow


def decode(answer: bytes) -> Flow | None:
    """Return the flow of one answer, or None for another protocol or an incomplete flow."""
    fields = dict(attributes(answer))
    original, reply = fields.get(TUPLE_ORIG, b""), fields.get(TUPLE_REPLY, b"")
    sent, answered = _tuple(original), _tuple(reply)
    if sent is None or answered is None:
        return None
    return Flow(sent[1], answered[0], original, fields.get(CTA_ID, b""))


def _tuple(data: bytes) -> tuple[Key, Key] | None:
    """Return source and destination of a UDP tuple."""
    parts = dict(attributes(data))
    protocol, addresses = dict(attributes(parts.get(TUPLE_PROTO, b""))), list(attributes(parts.get(TUPLE_IP, b"")))
    if protocol.get(PROTO_NUM, b"")[:1] != bytes([UDP]) or len(addresses) != 2:
        return None
    source, destination = (
        socket.inet_ntop(socket.AF_INET if len(value) == 4 else socket.AF_INET6, value)
        for _, value in sorted(addresses)
    )
    ports = [int.from_bytes(protocol.get(kind, b""), "big") for kind in (PROTO_SRC_PORT, PROTO_DST_PORT)]
    return (source, ports[0]), (destination, ports[1])


def _delete(family: Family, flow: Flow) -> Message:
    parts = [nested(TUPLE_ORIG, flow.original)]
    if flow.id:
        parts.append(attribute(CTA_ID, flow.id))
    return netfilter(SUBSYSTEM, DELETE, family.number, *parts)
