"""The writes of the controller: missing NodeConfigs are applied, surplus ones deleted, and statuses written."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from tests.fakes.controller_cluster import NAMES, Cluster
from tests.fakes.templates import node, template
from wao_core.cluster.records import Kind, NodeConfig

ALL = {"matchLabels": {"set": "all"}}


@pytest.fixture
def cluster() -> Cluster:
    made = Cluster()
    made.state.put(Kind.NODE_CONFIG_TEMPLATE, template("t", selector=ALL))
    return made


def applied(*names: str) -> list[tuple[str, str]]:
    return [("APPLY", f"t-{name}") for name in names]


async def test_each_node_takes_one_write_and_then_none(cluster: Cluster) -> None:
    assert await cluster.reconcile() == applied(*NAMES)
    assert await cluster.reconcile() == []
    assert cluster.statuses[-1]["nodes"] == 3
    assert len(cluster.statuses) == 1


async def test_what_a_person_did_to_a_child_is_put_right(cluster: Cluster) -> None:
    await cluster.reconcile()
    cluster.state.put(Kind.NODE_CONFIG, msgspec.structs.replace(cluster.config("t-a"), node_name="other"))
    cluster.state.remove(Kind.NODE_CONFIG, "w/t-b")
    assert await cluster.reconcile() == applied("a", "b")
    assert cluster.config("t-a").node_name == "a"


async def test_what_no_node_asks_for_any_more_is_deleted(cluster: Cluster) -> None:
    await cluster.reconcile()
    cluster.state.remove(Kind.NODE, "a")
    cluster.state.put(Kind.NODE, node("b"))
    assert await cluster.reconcile() == [("DELETE", "t-a"), ("DELETE", "t-b")]
    assert set(cluster.state.node_configs) == {"w/t-c"}


async def test_a_write_is_not_repeated_before_it_can_have_come_back(cluster: Cluster) -> None:
    cluster.echoes = False
    await cluster.reconcile()
    assert await cluster.reconcile() == []
    cluster.state.put(Kind.NODE_CONFIG_TEMPLATE, template("t", selector=ALL, endpoint="https://new"))
    assert await cluster.reconcile() == applied(*NAMES)
    assert await cluster.reconcile() == []
    cluster.now = 60.0
    assert await cluster.reconcile() == applied(*NAMES)


async def test_what_a_person_does_right_after_a_write_is_put_right_at_once(cluster: Cluster) -> None:
    await cluster.reconcile()
    cluster.state.remove(Kind.NODE_CONFIG, "w/t-b")
    assert await cluster.reconcile() == applied("b")
    cluster.state.put(Kind.NODE_CONFIG, msgspec.structs.replace(cluster.config("t-b"), node_name="other"))
    assert await cluster.reconcile() == applied("b")


async def test_a_refused_write_keeps_no_other_back_and_is_tried_again(cluster: Cluster) -> None:
    cluster.refuses = {"t-b"}
    assert await cluster.reconcile() == applied(*NAMES)
    assert cluster.failed == 1
    cluster.refuses = set()
    assert await cluster.reconcile() == applied("b")
    assert cluster.failed == 0


async def test_a_template_that_is_deleted_while_its_children_are_due_gets_none(cluster: Cluster) -> None:
    under_way = asyncio.create_task(cluster.reconcile())
    await asyncio.sleep(0)  # compared; nothing is written yet
    cluster.state.remove(Kind.NODE_CONFIG_TEMPLATE, "w/t")
    assert await under_way == []
    assert cluster.statuses == []
    assert await cluster.reconcile() == []


async def test_a_node_is_followed_by_what_the_template_sees_of_it(cluster: Cluster) -> None:
    await cluster.reconcile()
    cluster.state.put(Kind.NODE, msgspec.structs.replace(node("a", set="all"), ready=False, capacity_cores=8.0))
    assert await cluster.reconcile() == []
    cluster.state.put(Kind.NODE_CONFIG_TEMPLATE, template("t", selector=ALL, endpoint="https://{{ .IPv4.Address }}"))
    assert await cluster.reconcile() == applied(*NAMES)
    moved = msgspec.structs.replace(node("a", set="all"), addresses=(("InternalIP", "10.9.9.9"),))
    cluster.state.put(Kind.NODE, moved)
    assert await cluster.reconcile() == applied("a")
    assert cluster.config("t-a").metrics["inlet_temp"].endpoint.url == "https://10.9.9.9"


async def test_a_template_that_cannot_be_rendered_leaves_its_node_configs_and_is_reported_once(
    cluster: Cluster,
) -> None:
    await cluster.reconcile()
    before = dict(cluster.state.node_configs)
    cluster.state.put(Kind.NODE_CONFIG_TEMPLATE, template("t", selector=ALL, endpoint='{{ env "HOME" }}'))
    for _ in range(2):
        assert await cluster.reconcile() == []
    assert before == cluster.state.node_configs
    (reason, message) = cluster.events[0]
    assert reason == "TemplateError"
    assert "inletTemp.endpoint" in message
    assert len(cluster.events) == 1
    condition = cluster.statuses[-1]["conditions"][0]
    assert (condition["status"], condition["reason"]) == ("False", "TemplateError")


async def test_a_config_of_a_person_is_neither_changed_nor_deleted(cluster: Cluster) -> None:
    own = NodeConfig(name="t-a", namespace="w", node_name="a")
    other = NodeConfig(name="other", namespace="w", node_name="x")
    for record in (own, other):
        cluster.state.put(Kind.NODE_CONFIG, record)
    assert await cluster.reconcile() == applied("b", "c")
    assert cluster.config("t-a") == own
    assert cluster.events[0][0] == "NameTaken"


async def test_the_loser_takes_over_when_the_winner_goes(cluster: Cluster) -> None:
    cluster.state.put(Kind.NODE_CONFIG_TEMPLATE, template("late", selector=ALL, created=9.0))
    await cluster.reconcile()
    assert ("Conflict", "3 nodes, such as a, have their NodeConfig from w/t, which is older") in cluster.events
    cluster.state.remove(Kind.NODE_CONFIG_TEMPLATE, "w/t")
    calls = await cluster.reconcile()
    assert [call for call in calls if call[0] == "APPLY"] == [("APPLY", f"late-{name}") for name in NAMES]


async def test_a_template_and_an_edit_of_it_take_one_write_for_each_node_however_late_they_come_back() -> None:
    cluster = Cluster()
    cluster.late = 0.05
    names = [f"n-{number}" for number in range(100)]
    cluster.state.replace(Kind.NODE, [node(name, set="all") for name in names])
    running = asyncio.create_task(cluster.controller.run())
    try:
        for endpoint in ("https://old", "https://new"):
            cluster.calls.clear()
            cluster.state.put(Kind.NODE_CONFIG_TEMPLATE, template("t", selector=ALL, endpoint=endpoint))
            async with asyncio.timeout(10):
                while {item.metrics["inlet_temp"].endpoint.url for item in cluster.state.node_configs.values()} != {
                    endpoint
                } or len(cluster.state.node_configs) < len(names):
                    await asyncio.sleep(0.01)
            assert sorted(cluster.calls) == sorted(applied(*names))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


BROKEN = '{{ env "HOME" }}'


async def test_a_restart_keeps_transition_times_and_repeats_no_event() -> None:
    cluster = Cluster()
    cluster.state.put(Kind.NODE_CONFIG_TEMPLATE, template("t", selector=ALL, endpoint=BROKEN))
    await cluster.reconcile()
    cluster.now = 60.0
    cluster.restart()
    await cluster.reconcile()
    assert len(cluster.statuses) == len(cluster.events) == 1
    cluster.state.put(Kind.NODE_CONFIG_TEMPLATE, template("t", selector=ALL, endpoint="{{ .Nope }}"))
    await cluster.reconcile()
    (condition,) = cluster.statuses[-1]["conditions"]
    assert condition["lastTransitionTime"] == "2026-11-23T20:15:40Z"
    assert len(cluster.statuses) == 2


async def test_a_template_that_is_created_again_gets_its_own_status_at_once(cluster: Cluster) -> None:
    for uid in ("old", "new"):
        new = msgspec.structs.replace(template("t", selector=ALL), uid=uid)
        cluster.state.put(Kind.NODE_CONFIG_TEMPLATE, new)
        await cluster.reconcile()
        cluster.now += 60.0
    assert [about.uid for about, _ in cluster.written] == ["old", "new"]
    times = [status["conditions"][0]["lastTransitionTime"] for status in cluster.statuses]
    assert times == ["2026-11-23T20:15:40Z", "2026-11-23T20:16:40Z"]


@pytest.mark.parametrize("fails", ["reads_fail", "writes_fail"])
async def test_a_status_whose_write_failed_is_retried_after_a_back_off(cluster: Cluster, fails: str) -> None:
    setattr(cluster, fails, True)
    await cluster.reconcile()
    assert cluster.controller.failures == 1
    setattr(cluster, fails, False)
    await cluster.reconcile()
    assert cluster.statuses == []
    cluster.now += 1.0
    await cluster.reconcile()
    assert len(cluster.statuses) == 1


async def test_a_running_controller_retries_a_status_without_a_change_of_the_cluster() -> None:
    cluster = Cluster()
    cluster.writes_fail = True
    cluster.state.put(Kind.NODE_CONFIG_TEMPLATE, template("t", selector=ALL))
    running = asyncio.create_task(cluster.controller.run())
    try:
        async with asyncio.timeout(10):
            while not cluster.patches:
                await asyncio.sleep(0.01)
            cluster.writes_fail = False
            cluster.now += 1.0
            while not cluster.statuses:
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_controller_that_leads_again_replaces_what_another_one_wrote_since() -> None:
    cluster = Cluster()
    cluster.state.put(Kind.NODE_CONFIG_TEMPLATE, template("t", selector=ALL))
    for number in (1, 2):
        running = asyncio.create_task(cluster.controller.run())
        try:
            async with asyncio.timeout(10):
                while len(cluster.statuses) < number:
                    await asyncio.sleep(0.01)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        (key,) = cluster.present
        cluster.present[key] = {**cluster.present[key], "nodes": 99}
    assert [status["nodes"] for status in cluster.statuses] == [3, 3]


SLOW = '{{ range list 1 2 3 4 5 6 7 8 9 }}{{ regexMatch "(a?){100}b" "' + "a" * 900 + '" }}{{ end }}'
"""Takes more CPU time than a template may have."""


async def test_the_event_loop_goes_on_while_templates_are_rendered(cluster: Cluster) -> None:
    cluster.state.put(Kind.NODE_CONFIG_TEMPLATE, template("t", selector=ALL, endpoint=SLOW))
    running = asyncio.create_task(cluster.reconcile())
    turns = 0
    while not running.done():
        await asyncio.sleep(0)
        turns += 1
    assert "CPU time" in cluster.events[0][1]
    assert turns > 1000  # a handful when the loop waits for the renderer


async def test_a_change_while_templates_are_rendered_is_not_lost(cluster: Cluster) -> None:
    running = asyncio.create_task(cluster.reconcile())
    await asyncio.sleep(0)  # the nodes to render for are known
    cluster.state.put(Kind.NODE, node("late", set="all"))
    assert await running == applied(*NAMES)
    assert await cluster.reconcile() == applied("late")
