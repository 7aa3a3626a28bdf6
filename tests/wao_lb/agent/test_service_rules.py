"""From Services to rulesets: golden texts, which the kernel judges in tests/netns, and what holds for every Service."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from tests.wao_lb.agent.services import (
    EXPOSED,
    GOLDEN,
    NAMES,
    WEB,
    both,
    endpoint,
    golden,
    part,
    rules_of,
    script_of,
    service,
    setup,
)
from wao_core.cluster.records import Endpoint, EndpointPort
from wao_lb.agent.family import FAMILIES, IPV4, IPV6
from wao_lb.agent.metrics import AgentMetrics
from wao_lb.agent.model import HAIRPINS, NO_ENDPOINTS, SERVICE_IPS
from wao_lb.agent.names import refusal
from wao_lb.agent.table import content


@pytest.mark.parametrize("name", NAMES)
def test_the_ruleset_is_the_golden_one(name: str) -> None:
    """After a wanted change: python -m tests.wao_lb.agent.services, and read the difference."""
    assert (GOLDEN / f"{name}.nft").read_text() == golden(name)


def test_no_packet_looks_up_an_anonymous_set() -> None:
    """A change of those loses connections that are being made; named ones do not."""
    for name in NAMES:
        rules = [line for line in golden(name).splitlines() if line.startswith("add rule")]
        assert not [line for line in rules if "{" in line and "update @" not in line]


def test_slices_are_merged_and_endpoints_in_two_of_them_count_once() -> None:
    more = part(endpoint(2), endpoint(3), name="web-more")
    rules = rules_of(service(), [part(endpoint(1), endpoint(2)), more], setup())
    (split,) = rules.weight_maps.values()
    assert [("10.1.0.1", 8080), ("10.1.0.2", 8080), ("10.1.0.3", 8080)] == [key for key, _ in split.targets]


@pytest.mark.parametrize("affinity", [None, "ClientIP"])
@pytest.mark.parametrize("numbers", [(), (1,), (1, 2, 3)])
def test_the_endpoints_in_use_are_counted_whatever_the_rules_are(
    affinity: str | None, numbers: tuple[int, ...]
) -> None:
    rules = rules_of(service(session_affinity=affinity), [part(*map(endpoint, numbers))], setup())
    registry = CollectorRegistry()
    AgentMetrics(registry).note_sync(0.1, [], [{"default/web": rules}], full=True)
    assert registry.get_sample_value("wao_lb_agent_endpoints") == len(numbers)


def test_a_named_target_port_that_differs_by_slice_is_followed() -> None:
    other = part(endpoint(2), name="web-more", ports=(EndpointPort(name="http", port=9090),))
    rules = rules_of(service(), [part(endpoint(1)), other], setup())
    (split,) = rules.weight_maps.values()
    assert [("10.1.0.1", 8080), ("10.1.0.2", 9090)] == [key for key, _ in split.targets]


def test_unready_endpoints_get_nothing_and_ending_ones_only_when_no_other_is_ready() -> None:
    ending = endpoint(1, ready=False, serving=True, terminating=True)
    waiting = endpoint(2, ready=False, serving=False)
    alone = rules_of(service(), [part(ending, waiting)], setup())
    assert not alone.weight_maps
    assert any("dnat to 10.1.0.1:8080" in line for lines in alone.chains.values() for line in lines)
    with_ready_ones = rules_of(service(), [part(ending, waiting, endpoint(3), endpoint(4))], setup())
    (split,) = with_ready_ones.weight_maps.values()
    assert [("10.1.0.3", 8080), ("10.1.0.4", 8080)] == [key for key, _ in split.targets]
    assert not any("10.1.0.1:8080" in line for lines in with_ready_ones.chains.values() for line in lines)


def test_an_endpoint_outside_the_cluster_gets_its_share() -> None:
    """It has no node, so the reference never scores it."""
    outside = Endpoint(addresses=("198.51.100.80",))
    (split,) = rules_of(service(), [part(endpoint(1), endpoint(2), outside)], setup()).weight_maps.values()
    known = {("default/web", 80, "TCP"): {("10.1.0.1", 8080): 10.0, ("10.1.0.2", 8080): 30.0}}
    slots = {item.target: item.last - item.first + 1 for item in content(split, known)}
    assert slots["198.51.100.80", 8080] == pytest.approx((1 << 24) / 3, abs=1)


def test_with_publish_not_ready_addresses_ending_endpoints_stay() -> None:
    """They arrive as ready, which is what the field means."""
    ending = endpoint(1, ready=True, terminating=True)
    (split,) = rules_of(service(), [part(ending, endpoint(2))], setup()).weight_maps.values()
    assert 2 == len(split.targets)


def test_a_service_of_one_family_leaves_the_other_alone() -> None:
    rules = rules_of(service(cluster_ips=("10.96.0.10",), **EXPOSED), both(1, 2), setup(IPV6))
    assert not rules.chains
    assert not rules.elements


def test_undefined_ranges_of_a_family_close_its_load_balancer_addresses() -> None:
    """Kubernetes' own proxies leave the other family open; a firewall that is asked for must not be open."""
    closed = script_of(service(**EXPOSED, source_ranges=("192.0.2.0/24",)), both(1, 2), setup(IPV6))
    assert "firewall-ips { 2001:db8:5::5 . tcp . 80 : goto firewall-" in closed
    assert "add element ip6 wao-loadbalancer sources-" not in closed


def test_a_load_balancer_address_of_mode_proxy_is_left_to_the_load_balancer() -> None:
    assert "203.0.113.6" not in script_of(service(**EXPOSED), both(1, 2), setup())


@pytest.mark.parametrize(
    ("policy", "nodes", "cluster_ip", "external"),
    [
        ({}, (1, 2), "goto", "goto"),
        ({}, (), "reject", "reject"),
        ({"internal_traffic_policy": "Local"}, (1, 2), "goto", "goto"),
        ({"internal_traffic_policy": "Local"}, (2, 3), "drop", "goto"),
        ({"external_traffic_policy": "Local"}, (2, 3), "goto", "drop"),
        ({"external_traffic_policy": "Local", "internal_traffic_policy": "Local"}, (2, 3), "drop", "drop"),
        ({"external_traffic_policy": "Local", "internal_traffic_policy": "Local"}, (), "reject", "reject"),
    ],
)
def test_policies_say_where_traffic_goes(
    policy: dict[str, str], nodes: tuple[int, ...], cluster_ip: str, external: str
) -> None:
    rules = rules_of(service(**(dict(EXPOSED) | policy)), both(*nodes) if nodes else [], setup())
    for address, wanted in (("10.96.0.10", cluster_ip), ("203.0.113.5", external)):
        refused = rules.elements.get(NO_ENDPOINTS, {}).get(f"{address} . tcp . 80", "")
        served = f"{address} . tcp . 80" in rules.elements.get(SERVICE_IPS, {})
        if wanted == "goto":
            assert served
            assert not refused
        else:
            assert wanted in refused
        # a Service of policy Local stays reachable from pods and from the node itself
        assert served == (wanted == "goto" or (address == "203.0.113.5" and bool(nodes)))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "web; flush ruleset"}, "is not a DNS label"),
        ({"namespace": "a b"}, "is not a DNS label"),
        ({"ports": (WEB.__class__(port=80, name="x }"),)}, "is not a DNS label"),
        ({"ports": (WEB.__class__(port=80, protocol="ICMP"),)}, "is not one of TCP, UDP, SCTP"),
        ({"ports": (WEB.__class__(port=70000),)}, "is not from 1 to 65535"),
        ({"health_check_node_port": 70000}, "is not from 1 to 65535"),
        ({"session_affinity": "ClientIP", "affinity_timeout": -1}, "is not from 1 s to 86400 s"),
    ],
)
def test_what_could_reach_the_rule_compiler_unchecked_is_refused(fields: dict[str, object], message: str) -> None:
    assert message in refusal(service(**fields))
    assert not refusal(service())


@given(
    numbers=st.sets(st.integers(1, 250), max_size=8),
    policy=st.fixed_dictionaries(
        {
            "external_traffic_policy": st.sampled_from(["Cluster", "Local"]),
            "internal_traffic_policy": st.sampled_from(["Cluster", "Local"]),
            "session_affinity": st.sampled_from(["None", "ClientIP"]),
            "source_ranges": st.sampled_from([(), ("192.0.2.0/24",)]),
        }
    ),
)
def test_every_chain_set_and_map_that_is_named_is_there(numbers: set[int], policy: dict[str, object]) -> None:
    for family in FAMILIES:
        made = service(**(dict(EXPOSED) | policy))
        rules = rules_of(made, both(*sorted(numbers)) if numbers else [], setup(family))
        named = {word for lines in rules.chains.values() for line in lines for word in re.findall(r"goto (\S+)", line)}
        named |= {data for split in rules.weight_maps.values() for _, data in split.targets if isinstance(data, str)}
        named |= {word[5:] for items in rules.elements.values() for word in items.values() if word.startswith("goto ")}
        assert named - {"reject-chain"} <= set(rules.chains)
        looked_up = {word for lines in rules.chains.values() for line in lines for word in re.findall(r"@(\S+)", line)}
        assert looked_up - {"local-sources"} == set(rules.sets) | set(rules.weight_maps)
        assert all(len(name) < 256 for name in (*rules.chains, *rules.sets, *rules.weight_maps))
        unused = set(rules.chains) - named
        assert not unused, unused
        sticky = policy["session_affinity"] == "ClientIP"
        assert all(isinstance(data, str) is sticky for split in rules.weight_maps.values() for _, data in split.targets)


@pytest.mark.parametrize("affinity", ["None", "ClientIP"])
def test_a_pod_that_may_be_here_is_masqueraded_when_it_reaches_itself(affinity: str) -> None:
    outside = Endpoint(addresses=("198.51.100.80",))  # no node is known
    slices = [part(endpoint(1, "node-1"), endpoint(2, "node-2"), outside)]
    found = rules_of(service(session_affinity=affinity), slices, setup()).elements[HAIRPINS]
    assert {"10.1.0.1 . 10.1.0.1": "", "198.51.100.80 . 198.51.100.80": ""} == found


def test_addresses_are_taken_in_their_usual_form() -> None:
    odd = part(endpoint(1, six=True), name="odd")
    odd = part(*(type(item)(addresses=("FD01:0:0::1",), node_name="node-1") for item in odd.endpoints))
    rules = rules_of(service(cluster_ips=("FD00:96:0::10",)), [odd], setup(IPV6))
    assert {"fd00:96::10": ""} == rules.elements["cluster-ips"]
    assert any("dnat to [fd01::1]:8080" in line for lines in rules.chains.values() for line in lines)


def test_ranges_are_collapsed() -> None:
    assert ("10.0.0.0/8",) == IPV4.networks(["10.0.0.0/8", "10.1.0.0/16", " 10.2.3.4/24", "fd00::/8", "nonsense"])
