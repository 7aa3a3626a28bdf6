"""How the rules of a node distinguish traffic of pods from other traffic."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wao_lb.agent.services import setup
from wao_lb.agent.family import IPV4, IPV6, Family
from wao_lb.agent.model import WeightMap


@pytest.mark.parametrize(
    ("family", "more", "local", "not_local"),
    [
        (IPV4, {}, "ip saddr @local-sources", "ip saddr != @local-sources"),
        (IPV6, {}, "ip6 saddr @local-sources", "ip6 saddr != @local-sources"),
        (IPV4, {"local_cidrs": (), "local_interface": "cali*"}, 'iifname "cali*"', 'iifname != "cali*"'),
        (IPV4, {"local_cidrs": ()}, "", ""),
    ],
)
def test_pods_are_identified_by_network_or_by_interface_or_not_at_all(
    family: Family, more: dict[str, Any], local: str, not_local: str
) -> None:
    made = setup(family, **more)
    assert (local, not_local) == (made.local, made.not_local)


def test_a_weight_map_declares_its_slots_and_its_values() -> None:
    made = WeightMap("default/web", (80, "TCP"), "ip daddr . tcp dport", ())
    assert "typeof numgen random mod 16777216 : ip daddr . tcp dport; flags interval;" == made.spec
