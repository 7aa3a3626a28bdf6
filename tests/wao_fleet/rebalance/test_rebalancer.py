"""The rebalancer on a small cluster: it packs, keeps its limits, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.fakes.rebalance_site import PATIENT, POWER, RebalanceSite, auto
from tests.waiting import until
from wao_core.aio import cancel
from wao_core.cluster.names import DRAINING
from wao_core.cluster.records import Kind, Taint
from wao_fleet.rebalance.memory import SLOWEST
from wao_fleet.rebalance.rebalancer import Rebalancer
from wao_fleet.rebalance.settings import RebalanceSettings
from wao_fleet.windows import Window, Windows

BUDGETS, VOLUMES = "/apis/policy/v1/poddisruptionbudgets", "/api/v1/persistentvolumes"


async def round_of(rebalancer: Rebalancer) -> None:
    plan = await rebalancer.make_plan()
    assert plan is not None, rebalancer.problem
    await rebalancer.act(plan)


async def test_a_fragmented_fleet_is_packed_and_no_mark_stays() -> None:
    site = RebalanceSite({"a": 1, "b": 2, "c": 3})
    async with site.rebalancer(auto()) as rebalancer:
        await round_of(rebalancer)
        assert sorted(site.counts().values()) == [0, 0, 6]
        assert site.marks() == []
        assert {drain.result for drain in rebalancer.history.drains} == {"completed"}
        assert (site.metric("wao_rebalance_evictions_total", result="evicted")) == 3.0
        await round_of(rebalancer)
        assert site.metric("wao_rebalance_planned_moves") == 0.0


async def test_nothing_returns_to_a_node_because_it_is_marked_while_its_pods_leave() -> None:
    site = RebalanceSite({"a": 1, "b": 5})
    seen: list[list[str]] = []
    evicted = site.api.on_eviction

    def note(key: str) -> None:
        seen.append(site.marks())
        evicted(key)

    site.api.on_eviction = note
    async with site.rebalancer(auto()) as rebalancer:
        await round_of(rebalancer)
    assert seen == [["a"]]


async def test_by_default_it_only_recommends() -> None:
    site = RebalanceSite({"a": 1, "b": 5})
    async with site.rebalancer(RebalanceSettings(budgets=PATIENT)) as rebalancer:
        await round_of(rebalancer)
    assert site.api.evicted == []
    assert site.events() == [("a", "RebalanceRecommended")]
    assert "moving 1 Pods to other nodes would save 4" in site.source.events[0][2]
    assert site.metric("wao_rebalance_planned_moves") == 1.0


async def test_an_evicted_pod_is_explained_by_an_event_and_by_the_history() -> None:
    site = RebalanceSite({"a": 1, "b": 5})
    (pod,) = site.on("a")
    async with site.rebalancer(auto()) as rebalancer:
        await round_of(rebalancer)
        found = rebalancer.history.of(pod.key)
    assert site.events() == [(pod.name, "Rebalanced")]
    assert found is not None
    assert (found.node, found.target, found.result) == ("a", "b", "evicted")
    assert found.reason.startswith("evicted to empty a, which saves 4")


async def test_at_a_doubt_about_the_state_no_plan_is_made_and_no_drain_begins() -> None:
    site = RebalanceSite({"a": 1, "b": 2, "c": 3})
    evicted = site.api.on_eviction

    def lose_the_watch(key: str) -> None:
        evicted(key)
        site.doubt = "Pod objects are 121 s old"

    site.api.on_eviction = lose_the_watch
    async with site.rebalancer(auto()) as rebalancer:
        await round_of(rebalancer)
        assert len(rebalancer.history.drains) == 1, "the second drain of the plan does not begin"
        assert site.marks() == []
        assert await rebalancer.make_plan() is None
        assert rebalancer.problem == "Pod objects are 121 s old"


async def test_a_refused_eviction_has_no_event_on_the_pod() -> None:
    site = RebalanceSite({"a": 1, "b": 5})
    site.api.refusals[site.on("a")[0].key] = [(403, "not allowed")]
    async with site.rebalancer(auto()) as rebalancer:
        await round_of(rebalancer)
    assert site.events() == [("a", "RebalanceFailed")]


async def test_outside_of_its_windows_nothing_is_moved() -> None:
    site = RebalanceSite({"a": 1, "b": 5})
    closed = Windows([Window("0 12 1 1 *", timedelta(hours=1))])
    async with site.rebalancer(auto(windows=closed)) as rebalancer:
        await round_of(rebalancer)
        assert site.api.evicted == []
    always = Windows([Window("* * * * *", timedelta(hours=1))])
    async with RebalanceSite({"a": 1, "b": 5}).rebalancer(auto(windows=always)) as rebalancer:
        await round_of(rebalancer)
        assert rebalancer.history.drains[0].result == "completed"


async def test_a_budget_that_allows_nothing_keeps_a_node_out_of_the_plan() -> None:
    site = RebalanceSite({"a": 1, "b": 5})
    budget = {"metadata": {"name": "pdb", "namespace": "shop"}, "spec": {"selector": {}}}
    site.api.lists[BUDGETS] = [{**budget, "status": {"disruptionsAllowed": 0}}]
    async with site.rebalancer(auto()) as rebalancer:
        await round_of(rebalancer)
        assert rebalancer.plan is not None
        assert "its PodDisruptionBudget pdb allows no eviction now" in rebalancer.plan.kept["a"]
    assert site.api.evicted == []


async def test_an_eviction_that_is_refused_ends_the_drain_and_the_node_is_left_alone() -> None:
    site = RebalanceSite({"a": 2, "b": 1, "c": 6})
    blocked = site.on("b")[0]
    site.api.refusals[blocked.key] = [(403, "not allowed")]
    async with site.rebalancer(auto()) as rebalancer:
        await round_of(rebalancer)
        (drain,) = rebalancer.history.drains
        assert (drain.node, drain.result) == ("b", "failed")
        assert "not allowed" in drain.reason
        assert site.marks() == []
        assert site.counts() == {"a": 2, "b": 1, "c": 6}, "the rest of the plan is dropped"
        assert ("b", "RebalanceFailed") in site.events()
        await round_of(rebalancer)
        assert site.counts() == {"a": 0, "b": 1, "c": 8}
        assert rebalancer.plan is not None
        assert rebalancer.plan.kept["b"] == "its last drain failed"


async def test_a_replacement_that_finds_no_node_ends_the_drain() -> None:
    site = RebalanceSite({"a": 1, "b": 5})
    site.returns = ""  # the scheduler finds no node
    async with site.rebalancer(auto(replaced=0.05)) as rebalancer:
        await round_of(rebalancer)
        (drain,) = rebalancer.history.drains
    assert drain.result == "failed"
    assert "of a workload that was moved, has no node" in drain.reason


async def test_a_pod_that_does_not_end_in_time_ends_the_drain() -> None:
    site = RebalanceSite({"a": 1, "b": 5})
    site.api.lingering = {site.on("a")[0].key}
    async with site.rebalancer(auto(replaced=0.05)) as rebalancer:
        await round_of(rebalancer)
        assert "has not ended" in rebalancer.history.drains[0].reason
    assert site.marks() == []


async def test_a_node_to_which_pods_came_after_the_plan_is_skipped() -> None:
    site = RebalanceSite({"a": 1, "b": 5})
    async with site.rebalancer(auto()) as rebalancer:
        plan = await rebalancer.make_plan()
        assert plan is not None
        came = site.add_pod("a")
        await rebalancer.act(plan)
        (drain,) = rebalancer.history.drains
    assert (drain.result, drain.reason) == ("skipped", f"{came.key} came to it after the plan")
    assert site.api.evicted == []


async def test_an_annotation_that_is_set_meanwhile_counts() -> None:
    site = RebalanceSite({"a": 1, "b": 5})
    async with site.rebalancer(auto()) as rebalancer:
        plan = await rebalancer.make_plan()
        assert plan is not None
        (pod,) = site.on("a")
        site.table.put(pod.key, replace(pod, annotations={"waok8s.github.io/evictable": "false"}))
        await rebalancer.act(plan)
    assert site.api.evicted == []


async def test_a_node_that_another_application_drains_is_left_to_it() -> None:
    site = RebalanceSite({"a": 1, "b": 5})
    async with site.rebalancer(auto()) as rebalancer:
        plan = await rebalancer.make_plan()
        assert plan is not None
        theirs = {"key": DRAINING, "value": "standby", "effect": "PreferNoSchedule"}
        site.api.nodes["a"]["spec"]["taints"] = [theirs]
        await rebalancer.act(plan)
    assert site.api.evicted == []
    assert site.api.taints("a") == [theirs]


async def test_a_stop_in_the_middle_removes_the_marks() -> None:
    site = RebalanceSite({"a": 1, "b": 5})
    site.api.lingering = {site.on("a")[0].key}
    async with site.rebalancer(auto(replaced=600.0)) as rebalancer:
        leading = asyncio.create_task(rebalancer.lead())
        await until(lambda: bool(site.api.evicted))
        assert site.marks() == ["a"]
        leading.cancel()
        await asyncio.sleep(0)
        await cancel(leading)  # a second time, as when a server stops while it loses the Lease
        assert site.marks() == []
        assert rebalancer.history.drains[0].reason == "the rebalancer stopped"


async def test_marks_that_a_killed_process_left_are_removed_at_the_start() -> None:
    site = RebalanceSite({"a": 3, "b": 3})
    for name, owner in (("a", "rebalance"), ("b", "standby")):
        taint = Taint(DRAINING, owner, "PreferNoSchedule")
        site.api.nodes[name]["spec"]["taints"] = [{"key": DRAINING, "value": owner, "effect": "PreferNoSchedule"}]
        site.source.state.put(Kind.NODE, replace(site.source.state.nodes[name], taints=(taint,)))
    async with site.rebalancer(RebalanceSettings(budgets=PATIENT)) as rebalancer:
        await rebalancer.remove_marks()
    assert site.marks() == ["b"], "that of another application stays"


async def test_a_workload_that_always_comes_back_is_not_evicted_in_a_loop() -> None:
    site = RebalanceSite({"a": 1, "b": 5})
    site.keep("b")
    site.returns = "a"  # a scheduler that does not care
    async with site.rebalancer(auto()) as rebalancer:
        for _ in range(144):  # a day, every ten minutes
            await round_of(rebalancer)
            site.clock.now += 600.0
    assert len(site.api.evicted) == 10  # twice at once, and after 1, 3, 7 and 15 hours


async def test_the_memory_survives_a_restart() -> None:
    site = RebalanceSite({"a": 1, "b": 5})
    site.keep("b")
    site.returns = "a"
    async with site.rebalancer(auto()) as rebalancer:
        await round_of(rebalancer)
        await round_of(rebalancer)
    assert len(site.api.evicted) == 2
    async with site.rebalancer(auto()) as rebalancer:
        leading = asyncio.create_task(rebalancer.lead())
        await until(lambda: rebalancer.plan is not None)
        await cancel(leading)
        assert rebalancer.plan is not None
        assert "its workload was moved recently" in rebalancer.plan.kept["a"]
    assert len(site.api.evicted) == 2


@pytest.mark.parametrize(("after", "missed"), [(100.0, 0.0), (148.0, 1.0)])
async def test_measured_power_decides_about_the_pace(after: float, missed: float) -> None:
    site = RebalanceSite({"a": 1, "b": 5})
    site.measure(a=150.0, b=154.0)
    evicted = site.api.on_eviction

    def measured(key: str) -> None:
        evicted(key)
        site.clock.now += 1.0
        site.measure(a=after, b=155.0)
        site.clock.now -= 0.5

    site.api.on_eviction = measured
    async with site.rebalancer(auto()) as rebalancer:
        await round_of(rebalancer)
        (saving,) = rebalancer.history.savings
        assert saving.measured == pytest.approx(150.0 + 154.0 - after - 155.0)
        assert saving.predicted == pytest.approx(48.9, abs=0.1)
        assert rebalancer.memory.pace == (2.0 if missed else 1.0)
    assert site.metric("wao_rebalance_missed_savings_total") == missed
    assert (("a", "SavingMissed") in site.events()) is bool(missed)


async def test_without_power_meters_no_saving_is_measured() -> None:
    site = RebalanceSite({"a": 1, "b": 5})
    assert POWER not in site.api.lists
    async with site.rebalancer(auto()) as rebalancer:
        await round_of(rebalancer)
        assert not rebalancer.history.savings
        assert rebalancer.memory.pace == 1.0 < SLOWEST


async def test_a_cluster_that_cannot_be_read_gives_no_plan_and_the_reason() -> None:
    site = RebalanceSite({"a": 1, "b": 5})
    del site.api.lists[VOLUMES]
    async with site.rebalancer(auto()) as rebalancer:
        assert await rebalancer.make_plan() is None
        assert "persistentvolumes" in rebalancer.problem
