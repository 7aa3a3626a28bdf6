"""Weights as netlink messages: the bytes that nft itself sends, and what the kernel makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_lb.agent.family import IPV4, IPV6, Family
from wao_lb.agent.linux import netlink, nf_tables
from wao_lb.agent.slots import Range, Target, ranges, slots

TOP = (1 << 24) - 1
# nft 1.0.6 --debug=mnl -f - for: add element ip w m { 0-1 : goto a, 2-16777215 : goto b }
CHAINS = """
28 00 01 80 0c 00 01 80 08 00 01 00 00 00 00 00 18 00 02 80 14 00 02 80 08 00 01 00 ff ff ff fc 06 00 02 00 61 00 00 00
18 00 02 80 08 00 03 00 00 00 00 01 0c 00 01 80 08 00 01 00 00 00 00 02
28 00 03 80 0c 00 01 80 08 00 01 00 00 00 00 02 18 00 02 80 14 00 02 80 08 00 01 00 ff ff ff fc 06 00 02 00 62 00 00 00
18 00 04 80 08 00 03 00 00 00 00 01 0c 00 01 80 08 00 01 00 01 00 00 00
"""
# the same for: add element ip w m { 0-1 : 10.1.0.1 . 8080, 2-16777215 : 10.1.0.2 . 80 }
FOUR = """
20 00 01 80 0c 00 01 80 08 00 01 00 00 00 00 00 10 00 02 80 0c 00 01 00 0a 01 00 01 1f 90 00 00
18 00 02 80 08 00 03 00 00 00 00 01 0c 00 01 80 08 00 01 00 00 00 00 02
20 00 03 80 0c 00 01 80 08 00 01 00 00 00 00 02 10 00 02 80 0c 00 01 00 0a 01 00 02 00 50 00 00
18 00 04 80 08 00 03 00 00 00 00 01 0c 00 01 80 08 00 01 00 01 00 00 00
"""
# the same for: add element ip6 w m { 0-1 : fd01::1 . 8080, 2-16777215 : fd01::2 . 80 }
SIX = """
2c 00 01 80 0c 00 01 80 08 00 01 00 00 00 00 00
1c 00 02 80 18 00 01 00 fd 01 00 00 00 00 00 00 00 00 00 00 00 00 00 01 1f 90 00 00
18 00 02 80 08 00 03 00 00 00 00 01 0c 00 01 80 08 00 01 00 00 00 00 02
2c 00 03 80 0c 00 01 80 08 00 01 00 00 00 00 02
1c 00 02 80 18 00 01 00 fd 01 00 00 00 00 00 00 00 00 00 00 00 00 00 02 00 50 00 00
18 00 04 80 08 00 03 00 00 00 00 01 0c 00 01 80 08 00 01 00 01 00 00 00
"""


def elements_of(message: netlink.Message) -> bytes:
    return dict(netlink.attributes(message.body[4:]))[nf_tables.LIST_ELEMENTS]


@pytest.mark.parametrize(
    ("family", "targets", "of_nft"),
    [
        (IPV4, ("a", "b"), CHAINS),
        (IPV4, (("10.1.0.1", 8080), ("10.1.0.2", 80)), FOUR),
        (IPV6, (("fd01::1", 8080), ("fd01::2", 80)), SIX),
    ],
    ids=["chains", "IPv4", "IPv6"],
)
def test_elements_are_the_bytes_that_nft_sends(family: Family, targets: tuple[Target, Target], of_nft: str) -> None:
    """It numbers the elements where we write LIST_ELEM for each, as libnftnl's own example does."""
    _, message = nf_tables.replace_content(family, "m", [Range(0, 1, targets[0]), Range(2, TOP, targets[1])])
    theirs = [value for _, value in netlink.attributes(bytes.fromhex(of_nft))]
    assert theirs == [value for _, value in netlink.attributes(elements_of(message))]


def test_a_change_is_a_flush_and_a_fill_of_one_map() -> None:
    flush, fill = nf_tables.replace_content(IPV6, "m", [Range(0, TOP, "a")])
    assert [10 << 8 | 14, 10 << 8 | 12] == [flush.type, fill.type]
    assert 10 == flush.body[0]  # NFPROTO_IPV6
    assert {1: b"wao-loadbalancer\0", 2: b"m\0"} == dict(netlink.attributes(flush.body[4:]))


@given(st.integers(1, 400), st.integers(1, 200))
def test_long_maps_are_cut_into_messages_that_fit(count: int, length: int) -> None:
    chains = [f"{number:04}{'x' * length}" for number in range(count)]
    content = ranges(chains, slots([1.0 / count] * count))
    messages = nf_tables.replace_content(IPV4, "m", content)
    found = [element for message in messages[1:] for element in netlink.attributes(elements_of(message))]
    assert 2 * count == len(found)
    assert all(len(message.body) < 0xFFFF for message in messages)


def test_each_map_is_in_one_transaction() -> None:
    content = ranges(["x" * 200] * 3, slots([1 / 3] * 3))
    contents = {f"map-{number}": content for number in range(2000)}
    found = list(nf_tables.batches(IPV4, contents))
    assert len(found) > 1
    names = [{dict(netlink.attributes(message.body[4:]))[2] for message in messages} for messages in found]
    assert 2000 == sum(len(part) for part in names) == len(set().union(*names))
