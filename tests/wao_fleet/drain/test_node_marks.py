"""The marks on a Node: put, found again, and removed without touching those of others."""

from __future__ import annotations

import pytest

from tests.fakes.fleet_api import FleetApi, serving_fleet
from wao_core.cluster.names import DRAINING
from wao_core.cluster.records import Node, Taint
from wao_core.kube.client import KubeError
from wao_fleet.drain.node_marks import (
    CORDONED_BY,
    NotOurs,
    cordon,
    draining_for,
    is_marked,
    mark_draining,
    marked_by,
    uncordon,
    unmark_draining,
)

THEIRS = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}
OURS = {"key": DRAINING, "value": "rebalance", "effect": "PreferNoSchedule"}


def with_node(**spec: object) -> FleetApi:
    api = FleetApi()
    api.add_node("a", **spec)
    return api


async def test_the_taint_is_put_and_removed_and_others_stay() -> None:
    api = with_node(taints=[THEIRS])
    async with serving_fleet(api) as client:
        assert await mark_draining(client, "a", "rebalance")
        assert await mark_draining(client, "a", "rebalance"), "a second time changes nothing"
        assert api.taints("a") == [THEIRS, OURS]
        assert await unmark_draining(client, "a", "rebalance")
        assert api.taints("a") == [THEIRS]


async def test_the_last_taint_leaves_no_empty_list() -> None:
    api = with_node(taints=[OURS])
    async with serving_fleet(api) as client:
        await unmark_draining(client, "a", "rebalance")
    assert api.nodes["a"]["spec"] == {}


async def test_a_change_of_somebody_else_meanwhile_is_kept() -> None:
    api = with_node()
    async with serving_fleet(api) as client:
        api.interruptions = 3
        assert await mark_draining(client, "a", "rebalance")
    assert api.taints("a") == [OURS]
    assert api.nodes["a"]["metadata"]["labels"] == {"changed": "0"}


async def test_a_node_that_always_changes_is_an_error() -> None:
    api = with_node()
    async with serving_fleet(api) as client:
        api.interruptions = 1000
        with pytest.raises(KubeError, match="modified"):
            await mark_draining(client, "a", "rebalance")


async def test_a_node_that_another_application_drains_is_left_to_it() -> None:
    api = with_node(taints=[{**OURS, "value": "standby"}])
    async with serving_fleet(api) as client:
        with pytest.raises(NotOurs, match="Node a is being drained by standby"):
            await mark_draining(client, "a", "rebalance")
        assert await unmark_draining(client, "a", "rebalance")
    assert api.taints("a") == [{**OURS, "value": "standby"}]


async def test_a_node_that_does_not_exist_is_said() -> None:
    async with serving_fleet(FleetApi()) as client:
        for change in (mark_draining, unmark_draining, cordon, uncordon):
            assert not await change(client, "a", "standby")


async def test_only_our_own_cordon_is_removed() -> None:
    api = with_node()
    async with serving_fleet(api) as client:
        assert await cordon(client, "a", "standby")
        assert await cordon(client, "a", "standby")
        assert api.nodes["a"]["spec"] == {"unschedulable": True}
        await uncordon(client, "a", "rebalance")
        assert api.nodes["a"]["spec"] == {"unschedulable": True}
        await uncordon(client, "a", "standby")
        assert api.nodes["a"]["spec"] == {}
        assert CORDONED_BY not in api.nodes["a"]["metadata"]["annotations"]


async def test_a_cordon_of_an_operator_is_theirs() -> None:
    api = with_node(unschedulable=True)
    async with serving_fleet(api) as client:
        with pytest.raises(NotOurs, match="cordoned by somebody else"):
            await cordon(client, "a", "standby")
        await uncordon(client, "a", "standby")
    assert api.nodes["a"]["spec"] == {"unschedulable": True}


def test_own_marks_are_found_again() -> None:
    nodes = [
        Node(name="b", taints=(Taint("x"), Taint(DRAINING, "rebalance", "PreferNoSchedule"))),
        Node(name="a", taints=(Taint(DRAINING, "standby", "PreferNoSchedule"),), annotations={CORDONED_BY: "standby"}),
        Node(name="c"),
    ]
    assert marked_by(nodes, "rebalance") == ["b"]
    assert marked_by(nodes, "standby") == ["a"]
    assert [is_marked(node, "standby") for node in nodes] == [False, True, False]
    assert is_marked(Node(name="d", annotations={CORDONED_BY: "standby"}), "standby")
    assert [draining_for(node) for node in nodes] == ["rebalance", "standby", None]
