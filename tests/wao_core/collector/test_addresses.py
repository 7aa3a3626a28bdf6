"""Which addresses may be connected to, and where credentials may be sent."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_core.collector.addresses import AddressRule, AllowedHosts
from wao_predict.errors import RemoteError, UsageError

NEVER = [
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "::a9fe:a9fe",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "100.100.100.200",
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
    "no address",
]
LOOPBACK = ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]


@pytest.mark.parametrize("address", NEVER)
def test_no_setting_allows_link_local_multicast_or_unspecified_addresses(address: str) -> None:
    everything = AddressRule.of(["0.0.0.0/0", "::/0"], loopback=True)
    assert not any(rule.allows(address) for rule in (AddressRule(), AddressRule(loopback=True), everything))


@pytest.mark.parametrize("address", LOOPBACK)
@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        (AddressRule(), False),
        (AddressRule(loopback=True), True),
        (AddressRule.of(["10.0.0.0/8"]), False),
        (AddressRule.of(["10.0.0.0/8"], loopback=True), True),
        (AddressRule.of(["127.0.0.0/8", "::1/128"]), True),
    ],
)
def test_loopback_is_allowed_by_the_mode_or_by_a_network(rule: AddressRule, allowed: bool, address: str) -> None:
    assert rule.allows(address) is allowed


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        (AddressRule(), True),
        (AddressRule.of(["10.1.0.0/16"]), True),
        (AddressRule.of(["10.2.0.0/16"]), False),
        (AddressRule.of([], refused=["10.0.0.0/8"]), False),
        (AddressRule.of(["10.1.0.0/16"], refused=["10.0.0.0/8"]), True),
    ],
)
def test_networks(rule: AddressRule, allowed: bool) -> None:
    assert rule.allows("10.1.2.3") is allowed
    assert rule.allows("::ffff:10.1.2.3") is allowed


@given(st.ip_addresses(v=4))
def test_an_address_in_a_network_stays_allowed_or_is_never_allowed(address: ipaddress.IPv4Address) -> None:
    listed = AddressRule.of([str(address)])
    assert listed.allows(str(address)) or not AddressRule(loopback=True).allows(str(address))


def test_a_refused_address_reports_the_option() -> None:
    with pytest.raises(RemoteError, match=r"10\.9\.9\.9 is not an allowed address.*--endpoint-network"):
        AddressRule.of(["10.1.0.0/16"]).check_host("10.9.9.9")
    AddressRule.of(["10.1.0.0/16"]).check_host("bmc.example.com")


@pytest.mark.parametrize("option", ["--endpoint-network", "--refuse-network"])
def test_a_network_that_cannot_be_parsed_is_reported(option: str) -> None:
    wrong = ["10.1.0.0/99"]
    with pytest.raises(UsageError, match=option):
        AddressRule.of(wrong) if option == "--endpoint-network" else AddressRule.of([], refused=wrong)


@pytest.mark.parametrize(
    ("host", "permitted"),
    [
        ("bmc-1", True),
        ("BMC-1.", True),
        ("a.bmc.example.com", True),
        ("bmc.example.com", False),
        ("evilbmc.example.com", False),
        ("a.bmc.example.com.evil.org", False),
        ("10.1.2.3", True),
        ("10.2.2.3", False),
        ("fd00::1", True),
        ("fd00::2", False),
        ("", False),
    ],
)
def test_hosts_that_a_secret_may_be_sent_to(host: str, permitted: bool) -> None:
    allowed = AllowedHosts.parse("bmc-1, *.BMC.example.com, 10.1.0.0/16,, [fd00::1]")
    assert allowed.permit(host) is permitted


@pytest.mark.parametrize("entry", ["https://bmc", "bmc:443", "*", "a.*.b", "10.0.0.0/99", "b mc", "*.", "a/b"])
def test_an_entry_that_is_no_host_is_refused(entry: str) -> None:
    with pytest.raises(UsageError, match="is not a host"):
        AllowedHosts.parse(f"bmc-1, {entry}")


@pytest.mark.parametrize(
    "address", ["64:ff9b:1::7f00:1", "::ffff:0:7f00:1", "2001:0:7f00:1::f5ff:fffe", "2001::80ff:fffe"]
)
def test_an_ipv6_address_that_leads_to_a_refused_ipv4_address_is_refused(address: str) -> None:
    assert not AddressRule().allows(address)
