"""Addresses and networks of one family."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_lb.agent.family import FAMILIES, IPV4, IPV6, Family

TEXTS = ["10.0.0.1", "010.0.0.1", "::ffff:10.0.0.2", "FD00:0::1", "nonsense", "", "fd00::1"]


@pytest.mark.parametrize(("family", "found"), [(IPV4, ("10.0.0.1", "10.0.0.2")), (IPV6, ("fd00::1",))])
def test_addresses_of_a_family_are_canonical_and_without_duplicates(family: Family, found: tuple[str, ...]) -> None:
    assert found == family.addresses(TEXTS)


@pytest.mark.parametrize(
    ("family", "found"),
    [
        (IPV4, ("10.0.0.0/8", "192.0.2.1/32")),
        (IPV6, ("fd00::/63",)),
    ],
)
def test_networks_of_a_family_are_collapsed(family: Family, found: tuple[str, ...]) -> None:
    texts = ["10.0.0.0/8", "10.1.0.0/16", " 010.2.3.4/24", "192.0.2.1", "fd00::/64", "fd00:0:0:1::/64", "10.0.0.0/33"]
    assert found == family.networks(texts)


@given(st.lists(st.ip_addresses().map(lambda address: ipaddress.ip_network(address).supernet(3))))
def test_the_networks_of_both_families_contain_every_address_once(
    networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network],
) -> None:
    found = [ipaddress.ip_network(text) for family in FAMILIES for text in family.networks(map(str, networks))]
    for network in networks:
        if str(network).startswith("::ffff:"):
            continue  # an IPv4 network in another spelling
        within = [item for item in found if item.version == network.version and network.subnet_of(item)]  # type: ignore[arg-type]
        assert 1 == len(within)
