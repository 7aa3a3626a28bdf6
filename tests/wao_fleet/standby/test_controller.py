"""The controller on a small cluster: rounds, doubts, requests, the kill switch, and recommend mode."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from tests.fakes.standby_bed import STANDBY, add_pod, standby_bed
from tests.wao_fleet.standby.standby_cluster import EAGER, Cluster
from wao_fleet.standby.controller import Policy
from wao_fleet.standby.progress import Phase
from wao_fleet.windows import Windows


@asynccontextmanager
async def cluster(*, act: bool = True, **policy: Any) -> AsyncIterator[Cluster]:
    async with standby_bed() as bed:
        made = Cluster(bed, Policy(act=act, settings=EAGER, **policy))
        await made.tested()
        yield made


async def test_an_empty_node_is_switched_off_and_started_for_a_pod_that_waits() -> None:
    async with cluster() as found:
        await found.rounds(8)
        assert found.bed.power == "Off"
        found.bed.heartbeat(1, ready=False)
        await found.rounds(2)
        assert found.phase == "Asleep"
        found.bed.api.add_pod("d/web", spec={"containers": [{"name": "c"}]}, status={"phase": "Pending"})
        await found.rounds()
        assert found.bed.power == "On"
        found.bed.heartbeat(9)
        await found.rounds(2)
        assert found.phase == "Running"
        assert found.controller.waited_seconds > 0


async def test_recommend_mode_only_says_it() -> None:
    async with cluster(act=False) as found:
        await found.rounds(8)
        assert (found.phase, found.bed.switch.resets) == ("Running", [])
        assert [action.kind.value for action in found.plan.decision.actions] == ["stop"]
        assert found.bed.reasons == ["StandbyRecommended"]


async def test_a_node_that_sleeps_is_started_for_a_pod_in_recommend_mode_too() -> None:
    async with cluster() as found:
        await found.switch_off()
        found.restart(Policy(settings=EAGER))
        found.bed.api.add_pod("d/web", spec={"containers": [{"name": "c"}]}, status={"phase": "Pending"})
        await found.rounds()
        assert (found.phase, found.bed.power) == ("Starting", "On")


async def test_outside_the_windows_nothing_is_switched_off() -> None:
    async with cluster(windows=Windows.parse(["0 0 1 1 * 1h"])) as found:
        await found.rounds(10)
        assert (found.phase, found.bed.switch.resets) == ("Running", [])
        assert found.plan.doubt == "outside the windows for switching off"


async def test_the_highest_demand_of_the_time_to_look_back_keeps_a_node_on() -> None:
    """As in the simulator: a node that was just used is not switched off in a short lull."""
    async with cluster(look_back=300.0, largest_for=30.0) as found:
        add_pod(found.bed.api, "web")
        await found.rounds()
        found.bed.api.pods.clear()
        await found.rounds(8)
        assert (found.phase, found.bed.switch.resets) == ("Running", [])
        assert "at the recent peak of demand" in found.plan.decision.kept[0]
        await found.rounds(20)
        assert found.bed.power == "Off"


async def test_a_node_with_a_pod_is_left_on() -> None:
    async with cluster() as found:
        add_pod(found.bed.api, "web")
        await found.rounds(10)
        assert (found.phase, found.bed.switch.resets) == ("Running", [])


@pytest.mark.parametrize(
    ("path", "doubt"),
    [
        ("/api/v1/persistentvolumes", "cannot be listed"),
        ("/api/v1/namespaces/wao-system/configmaps/wao-standby", "kill switch cannot be read"),
    ],
)
async def test_at_a_doubt_nothing_is_switched_off(path: str, doubt: str) -> None:
    async with cluster() as found:
        found.bed.api.broken.add(path)
        await found.rounds(10)
        assert (found.phase, found.bed.switch.resets) == ("Running", [])
        assert doubt in found.plan.doubt


async def test_an_unknown_status_of_a_node_config_is_a_doubt() -> None:
    async with standby_bed() as bed:
        found = Cluster(bed, Policy(act=True, settings=EAGER))
        bed.source.reads_fail = True
        await found.rounds(10)
        assert "NodeConfig of n1 is unknown" in found.plan.doubt


async def test_the_kill_switch_starts_everything() -> None:
    async with cluster() as found:
        await found.switch_off()
        found.bed.api.config_maps["wao-standby"] = {"kind": "ConfigMap", "data": {"stop": "true"}}
        await found.rounds()
        assert found.bed.power == "On"
        found.bed.heartbeat(9)
        await found.rounds(20)
        assert (found.phase, found.bed.switch.resets) == ("Running", ["shut down", "on"])


async def test_people_switch_and_test_in_every_mode() -> None:
    async with cluster(act=False) as found:
        found.ask("test 1")
        await found.rounds(3)
        found.bed.heartbeat(1, ready=False)
        await found.rounds(3)
        found.bed.heartbeat(5)
        await found.rounds(2)
        assert (found.phase, found.bed.switch.resets) == ("Running", ["shut down", "on"])
        await found.rounds(5)  # and not again
        assert found.bed.switch.resets == ["shut down", "on"]


async def test_a_request_that_is_refused_is_answered_once() -> None:
    async with cluster() as found:
        found.bed.config = msgspec.structs.replace(
            found.bed.config, standby=msgspec.structs.replace(STANDBY, method="DryRun")
        )
        found.ask("sleep 1")
        await found.rounds(4)
        assert found.phase == "Running"
        assert [message for reason, message in found.bed.source.events if reason == "StandbyRefused"] == [
            "sleep is refused: its method is DryRun"
        ]


async def test_a_node_that_sleeps_when_its_standby_is_removed_is_woken() -> None:
    async with cluster() as found:
        await found.switch_off()
        assert found.phase == Phase.ASLEEP.value
        found.bed.config = msgspec.structs.replace(found.bed.config, standby=None)
        await found.rounds()
        assert found.bed.power == "On"
        found.bed.heartbeat(9)
        await found.rounds(2)
        assert "unschedulable" not in found.bed.node["spec"]


async def test_a_node_that_sleeps_when_its_node_config_is_replaced_is_woken() -> None:
    """The status of the earlier object cannot be written any more."""
    async with cluster() as found:
        await found.switch_off()
        found.bed.config = msgspec.structs.replace(found.bed.config, uid="another", standby=None)
        found.bed.source.writes_fail = True
        await found.rounds()
        assert found.bed.power == "On"
        found.bed.heartbeat(9)
        await found.rounds(2)
        assert "unschedulable" not in found.bed.node["spec"]


@pytest.mark.parametrize("ready", [True, False])
async def test_a_node_whose_standby_was_removed_before_a_restart_is_reported_and_given_back_when_it_is_up(
    ready: bool,
) -> None:
    """A new controller does not know its BMC any more."""
    async with cluster() as found:
        await found.switch_off()
        found.bed.config = msgspec.structs.replace(found.bed.config, standby=None)
        found.restart(Policy(act=True, settings=EAGER))
        await found.rounds(3)
        forgotten = [message for reason, message in found.bed.source.events if reason == "StandbyForgotten"]
        assert len(forgotten) == 1
        assert "set spec.standby again, or switch the server on" in forgotten[0]
        assert "still drained or switched off by standby" in found.plan.fleet.excluded["n1"]
        found.bed.heartbeat(9, ready=ready)
        await found.rounds(8)
        assert found.bed.node["spec"].get("unschedulable") is (None if ready else True)
        await found.bed.book.load(found.bed.config)
        assert found.phase == ("Running" if ready else "Asleep")


async def test_a_node_whose_standby_was_removed_before_this_replica_leads_again_is_reported() -> None:
    async with cluster() as found:
        await found.switch_off()
        assert found.phase == Phase.ASLEEP.value
        found.bed.config = msgspec.structs.replace(found.bed.config, standby=None)
        await found.lead_again()
        assert found.bed.reasons.count("StandbyForgotten") == 1


async def test_a_replica_that_leads_again_does_not_take_a_node_for_empty_all_the_while() -> None:
    async with cluster() as found:
        await found.rounds(2)
        found.bed.now += 3600.0  # another replica led, and the node may have had Pods
        plan = await found.lead_again()
        assert not plan.decision.actions


async def test_a_node_that_was_deleted_is_forgotten() -> None:
    async with cluster() as found:
        await found.switch_off()
        assert found.bed.book.progress()
        del found.bed.api.nodes["n1"]
        found.bed.config = msgspec.structs.replace(found.bed.config, node_name="other", uid="other", standby=None)
        await found.rounds(2)
        assert (dict(found.bed.book.progress()), found.bed.sequences.power_of("n1")) == ({}, None)


async def test_a_pod_that_cannot_be_read_may_be_on_any_node() -> None:
    async with cluster() as found:
        found.parts.unreadable_pods = lambda: {"d/web": "spec: not an object"}
        found.ask("sleep 1")
        await found.rounds(10)
        assert found.plan.doubt == "Pod d/web cannot be read: spec: not an object"
        assert found.bed.switch.resets == []
        refused = f"sleep is refused: {found.plan.doubt}"
        assert [message for reason, message in found.bed.source.events if reason == "StandbyRefused"] == [refused]


async def test_only_node_configs_of_trusted_namespaces_count() -> None:
    """Whoever may write NodeConfigs in another namespace must not have nodes drained."""
    async with cluster(namespaces=frozenset({"wao-bmc"})) as found:
        await found.rounds(10)
        assert found.bed.switch.resets == []
        assert found.plan.fleet.excluded == {"n1": "its NodeConfig has no standby"}
