"""PodDisruptionBudgets and volumes as the API sends them, and what they mean for a Pod."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.fleet_api import FleetApi, serving_fleet
from wao_core.cluster.records import Node
from wao_core.errors import SourceError
from wao_fleet.drain.constraints import Constraints, Volume, read_constraints, volumes_by_node
from wao_fleet.drain.pods import FleetPod

BUDGETS, VOLUMES = "/apis/policy/v1/poddisruptionbudgets", "/api/v1/persistentvolumes"
POD = FleetPod(name="p", namespace="n", labels={"app": "shop"})


def budget(name: str, selector: dict[str, Any] | None, allowed: int | None, namespace: str = "n") -> dict[str, Any]:
    status = {} if allowed is None else {"disruptionsAllowed": allowed}
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"selector": selector}, "status": status}


def volume(claim: str, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": f"pv-{claim}"},
        "spec": {"claimRef": {"namespace": "n", "name": claim} if claim else None, **spec},
    }


def on(key: str, value: str) -> dict[str, Any]:
    terms = [{"matchExpressions": [{"key": key, "operator": "In", "values": [value]}]}]
    return {"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}}


async def constraints(budgets: list[dict[str, Any]], volumes: list[dict[str, Any]]) -> Constraints:
    api = FleetApi()
    api.lists = {BUDGETS: budgets, VOLUMES: volumes}
    async with serving_fleet(api) as client:
        return await read_constraints(client)


SHOP = {"matchLabels": {"app": "shop"}}


@pytest.mark.parametrize(
    ("given", "exhausted"),
    [
        (budget("pdb", SHOP, 0), "pdb"),
        (budget("pdb", {}, 0), "pdb"),  # an empty selector selects all Pods of the namespace
        (budget("pdb", SHOP, 1), ""),
        (budget("pdb", None, 0), ""),
        (budget("pdb", {"matchLabels": {"app": "bank"}}, 0), ""),
        (budget("pdb", SHOP, 0, namespace="other"), ""),
        (budget("pdb", SHOP, None), ""),  # not known: the Eviction API decides
    ],
)
async def test_a_budget_without_disruptions_left_is_named(given: dict[str, Any], exhausted: str) -> None:
    assert (await constraints([given], [])).exhausted(POD) == exhausted


@pytest.mark.parametrize(
    ("spec", "local"),
    [
        ({"local": {"path": "/mnt"}}, True),
        ({"hostPath": {"path": "/mnt"}}, True),
        (on("kubernetes.io/hostname", "node-1"), True),
        (on("topology.kubernetes.io/zone", "z1"), False),
        ({"csi": {"driver": "x"}}, False),
    ],
)
async def test_volumes_on_one_node_are_local(spec: dict[str, Any], local: bool) -> None:
    found = await constraints([], [volume("data", **spec), volume("")])
    assert found.local_claims == ({"n/data"} if local else set())
    assert set(found.volumes) == {"n/data"}


async def test_the_zone_of_a_volume_is_kept() -> None:
    found = await constraints([], [volume("data", **on("topology.kubernetes.io/zone", "z1"))])
    terms = found.volumes["n/data"].terms
    assert terms is not None
    assert terms[0].match_expressions[0].values == ("z1",)


async def test_a_list_that_cannot_be_read_is_an_error() -> None:
    async with serving_fleet(FleetApi()) as client:
        with pytest.raises(SourceError, match="poddisruptionbudgets"):
            await read_constraints(client)


NODES = [
    Node(name=name, labels={"kubernetes.io/hostname": f"host-{name}", "zone": zone})
    for name, zone in [("a", "1"), ("b", "1"), ("c", "2")]
]


@pytest.mark.parametrize(
    ("spec", "held"),
    [
        ({**on("kubernetes.io/hostname", "host-b")}, ["b"]),
        ({"local": {"path": "/d"}, **on("zone", "1")}, ["a", "b"]),
        ({"hostPath": {"path": "/d"}}, ["a", "b", "c"]),  # nobody knows where its data is
        ({"csi": {}, **on("zone", "1")}, []),
        ({"csi": {}, **on("zone", "2")}, ["c"]),  # no other node can reach it
        ({"nfs": {}}, []),
    ],
)
async def test_nodes_that_hold_the_data_of_a_volume(spec: dict[str, Any], held: list[str]) -> None:
    found = await constraints([], [volume("data", **spec)])
    assert volumes_by_node([*found.volumes.values()], NODES) == dict.fromkeys(held, "pv-data")


def test_a_volume_without_a_node_of_its_terms_is_on_no_node() -> None:
    assert volumes_by_node([Volume("n/data", local=True, terms=(), name="pv")], NODES) == {}
