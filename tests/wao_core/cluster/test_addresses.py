"""IP addresses in the spellings that Kubernetes accepts."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_core.cluster.addresses import canonical_address, host_port, network_of


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("010.001.002.000", "10.1.2.0"),
        ("FD00:0::1", "fd00::1"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("0:0:0:0:0:FFFF:0a01:0203", "10.1.2.3"),
        ("::10.1.2.3", "::10.1.2.3"),
        ("64:ff9b::10.1.2.3", "64:ff9b::a01:203"),
    ],
)
def test_an_address_has_one_canonical_form(text: str, canonical: str) -> None:
    assert canonical == canonical_address(text)


@pytest.mark.parametrize(
    "text", ["", "10.1", "a:b", "\0", "10.1.2.3.4", "10.1.2.0x3", "256.1.1.1", "fe80::1%eth0", "\u0661.1.1.1"]
)
def test_what_is_no_address_has_no_canonical_form(text: str) -> None:
    assert "" == canonical_address(text)


@given(st.ip_addresses())
def test_the_form_is_that_of_the_standard_library_and_stays(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    form = canonical_address(address.exploded)
    assert ipaddress.ip_address(form) == (mapped or address)
    assert form == canonical_address(form)


@given(st.ip_addresses(v=4))
def test_an_address_mapped_into_ipv6_is_the_ipv4_address(address: ipaddress.IPv4Address) -> None:
    assert str(address) == canonical_address(f"::ffff:{address}")


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.1.0.0/16", "10.1.0.0/16"),
        (" 10.1.2.3/16 ", "10.1.0.0/16"),
        ("010.001.000.000/16", "10.1.0.0/16"),
        ("10.1.2.3", "10.1.2.3/32"),
        ("FD00::/64", "fd00::/64"),
        ("::ffff:10.1.0.0/112", "10.1.0.0/16"),
        ("::ffff:0:0/90", "::ffc0:0:0/90"),
    ],
)
def test_a_network_has_one_canonical_form(text: str, network: str) -> None:
    assert network == str(network_of(text))


@pytest.mark.parametrize("text", ["", "/", "10.1.0.0/33", "10.1.0.0/255.255.0.0.0", "nonsense", "10.1.0.0/"])
def test_what_is_no_network_is_none(text: str) -> None:
    assert network_of(text) is None


def test_addresses_and_ports_are_written_as_in_urls() -> None:
    assert ("10.0.0.1:80", "[fd00::1]:80") == (host_port("10.0.0.1", 80), host_port("fd00::1", 80))
