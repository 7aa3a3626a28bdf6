"""The agent as a process: which families it serves, what it watches, and what it prints."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tests.wao_lb.agent.services import EXPOSED, both, service
from tests.wao_lb.agent.simulated import SimulatedKernel
from wao_core.cluster.records import Kind, Node
from wao_core.cluster.state import ClusterState
from wao_lb.agent.family import FAMILIES, IPV4, IPV6, Family
from wao_lb.agent.linux.nft import NftError
from wao_lb.agent.server import ruleset, selectors, usable_families
from wao_lb.agent.view import NodeSettings, NodeView
from wao_lb.settings import PROXY_LABEL
from wao_predict.errors import UsageError

SETTINGS = NodeSettings(node_name="node-1", proxy_name="mine")


@dataclass
class Lacking(SimulatedKernel):
    """A kernel that lacks features of some families, or that nft cannot be asked about."""

    missing: dict[str, list[str]] = field(default_factory=dict)

    async def preflight(self, family: Family) -> list[str]:
        if self.broken:
            raise NftError(self.broken)
        return self.missing.get(family.nft, [])


async def test_a_family_that_lacks_a_feature_is_left_out_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(FAMILIES) == await usable_families(Lacking())
    assert [IPV4] == await usable_families(Lacking(missing={"ip6": ["NAT", "reject"]}))
    assert "not served: IPv6: NAT; reject\n" == capsys.readouterr().err


@pytest.mark.parametrize(
    ("kernel", "words"),
    [
        (Lacking(missing={"ip": ["NAT"], "ip6": ["NAT"]}), "with the capability NET_ADMIN"),
        (Lacking(broken="nft cannot be run; install the package nftables"), "install the package nftables"),
    ],
)
async def test_without_any_family_the_agent_does_not_start_and_says_what_to_do(kernel: Lacking, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        await usable_families(kernel)


def test_it_watches_its_own_node_and_its_own_services_only() -> None:
    found = selectors(SETTINGS)
    assert (("fieldSelector", "metadata.name=node-1"),) == found[Kind.NODE]
    assert f"{PROXY_LABEL}=mine" in found[Kind.SERVICE][0][1]


def test_the_rules_are_printed_as_transactions_that_the_kernel_accepts() -> None:
    state = ClusterState()
    state.put(Kind.NODE, Node(name="node-1", addresses=(("InternalIP", "192.0.2.1"),), pod_cidrs=("10.1.0.0/16",)))
    state.put(Kind.SERVICE, service(labels={PROXY_LABEL: "mine"}, **EXPOSED))
    for part in both(1, 2):
        state.put(Kind.ENDPOINT_SLICE, part)
    weights = {("default/web", 80, "TCP"): {("10.1.0.1", 8080): 1.0, ("10.1.0.2", 8080): 3.0}}
    printed = ruleset(NodeView(state, SETTINGS), weights)
    assert "0-4194303 : 10.1.0.1 . 8080, 4194304-16777215 : 10.1.0.2 . 8080" in printed
    assert {IPV4.nft, IPV6.nft} == {line.split()[2] for line in printed.splitlines()}
    replaced = {f"delete table {family} wao-loadbalancer" for family in ("ip", "ip6")}
    assert replaced == {line for line in printed.splitlines() if not line.startswith("add ")}
