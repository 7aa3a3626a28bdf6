"""The fixed part of the ruleset under the settings of a node; the golden file `skeleton.nft` has all of it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.wao_lb.agent.services import setup
from wao_lb.agent.base_chains import BaseRuleset, base_ruleset
from wao_lb.agent.family import FAMILIES, IPV4, IPV6, Family
from wao_lb.agent.model import LOCAL_SOURCES, NODE_PORT_IPS


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("more", [{}, {"node_ips": None}, {"node_ips": (), "local_cidrs": ()}])
def test_every_object_that_a_rule_names_exists(family: Family, more: dict[str, Any]) -> None:
    base = base_ruleset(setup(family, **more))
    rules = " ".join(rule for lines in base.chains.values() for rule in lines)
    assert set(re.findall(r"(?:jump|goto) (\S+)", rules)) <= set(base.chains)
    assert set(re.findall(r"@(\S+)", rules)) <= {*base.maps, *base.sets}
    assert set(base.base_chains) <= set(base.chains)
    assert set(base.elements) <= set(base.sets)


def node_port_rule(base: BaseRuleset) -> str:
    return next(rule for rule in base.chains["services"] if "service-nodeports" in rule)


def test_node_ports_are_served_on_the_addresses_of_the_node_or_on_all_but_loopback() -> None:
    assert node_port_rule(base_ruleset(setup())).startswith("ip daddr @nodeport-ips ")
    everywhere = base_ruleset(setup(IPV6, node_ips=None))
    assert node_port_rule(everywhere).startswith("fib daddr type local ip6 daddr != ::1 ")
    assert {} == everywhere.elements[NODE_PORT_IPS]


def test_the_sets_have_the_addresses_and_networks_of_the_node() -> None:
    base = base_ruleset(setup(IPV4, node_ips=("192.0.2.1",), local_cidrs=("10.1.0.0/16", "10.2.0.0/16")))
    assert ["192.0.2.1"] == list(base.elements[NODE_PORT_IPS])
    assert ["10.1.0.0/16", "10.2.0.0/16"] == list(base.elements[LOCAL_SOURCES])


def test_the_mark_of_masquerading_is_the_configured_bit() -> None:
    base = base_ruleset(setup(masquerade_mark=0x8000))
    assert ("meta mark set meta mark | 0x8000",) == base.chains["mark-for-masquerade"]
    assert "meta mark & 0x8000 == 0 return" in base.chains["masquerading"]


def test_filters_run_before_those_of_kube_proxy() -> None:
    base = base_ruleset(setup())
    before = [hook for name, hook in base.base_chains.items() if name.startswith("filter-") and "post" not in name]
    assert all("priority -111;" in hook for hook in before)
    assert 4 == len(before)
