"""The sequences of one node with an API server and a server: what is written, sent and recorded, in which order."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.standby_bed import Bed, FakeSwitch, add_pod, standby_bed
from wao_core.cluster.names import DRAINING
from wao_fleet.drain.node_marks import CORDONED_BY
from wao_fleet.standby.progress import Progress
from wao_fleet.standby.sequence import Wish
from wao_fleet.standby.sequences import SHUTDOWN
from wao_predict.redfish.power_control import PowerState

SLEEP: dict[str, Any] = {"wish": Wish.SLEEP, "why": "empty for 15 min"}


async def fall_asleep(bed: Bed) -> None:
    assert await bed.advance(**SLEEP) == "Draining"
    assert await bed.advance() == "ShuttingDown"
    bed.heartbeat(1, ready=False)
    assert await bed.advance() == "Asleep"


async def test_a_node_goes_to_sleep_and_wakes_up() -> None:
    async with standby_bed() as bed:
        await fall_asleep(bed)
        assert bed.switch.resets == ["shut down"]
        assert bed.node["spec"]["unschedulable"] is True
        assert bed.node["metadata"]["annotations"] == {CORDONED_BY: "standby"}
        assert [taint["key"] for taint in bed.node["spec"]["taints"]] == [DRAINING]
        assert bed.source.present["c"]["standby"]["powerState"] == "Off"
        assert await bed.advance(300, wish=Wish.WAKE, why="a pod waits") == "Starting"
        assert await bed.advance(60) == "Starting"
        bed.heartbeat(7)
        assert await bed.advance(60) == "Running"
        assert bed.switch.resets == ["shut down", "on"]
        assert "unschedulable" not in bed.node["spec"]
        assert not bed.node["spec"].get("taints")
        assert not bed.node["metadata"]["annotations"]
        assert bed.reasons == ["Asleep", "Waking", "Awake"]
        assert (bed.sequences.counts.starts, bed.sequences.counts.stops, bed.sequences.counts.started) == (1, 1, 1)


@pytest.mark.parametrize("steps", range(6))
async def test_a_new_controller_goes_on_wherever_the_last_one_stopped(steps: int) -> None:
    async with standby_bed() as bed:
        for number in range(16):
            if number == steps:
                bed.restart()
            wish: dict[str, Any] = SLEEP if number == 0 else {"wish": Wish.WAKE, "why": "needed"} if number > 8 else {}
            phase = await bed.advance(20, **wish)
            if bed.switch.state is PowerState.OFF:
                bed.heartbeat(1, ready=False)
            elif number > 10:
                bed.heartbeat(number)
        assert (phase, bed.switch.state) == ("Running", PowerState.ON)
        assert "unschedulable" not in bed.node["spec"]


async def test_nothing_is_done_whose_record_cannot_be_written() -> None:
    async with standby_bed() as bed:
        await bed.advance()
        bed.source.writes_fail = True
        await bed.advance(**SLEEP)
        assert "unschedulable" not in bed.node["spec"]
        assert bed.switch.resets == []


@pytest.mark.parametrize("checks", range(1, 6))
async def test_a_replica_that_lost_the_lease_unnoticed_does_nothing_more(checks: int) -> None:
    """It was paused, and another one leads: it may have done what came before, and writes and switches nothing else."""
    async with standby_bed() as bed:
        await bed.advance()
        left, before = iter(range(checks)), bed.source.patches
        bed.holds_lease = lambda: next(left, None) is not None
        await bed.advance(**SLEEP)
        for _ in range(5):
            await bed.advance()
        done = (bed.source.patches - before, bed.node["spec"].get("unschedulable"), list(bed.switch.resets))
        expected = {1: (1, None, []), 2: (1, True, []), 3: (2, True, []), 4: (2, True, []), 5: (2, True, ["shut down"])}
        assert done == expected[checks]


async def test_pods_are_evicted_before_the_shutdown() -> None:
    async with standby_bed() as bed:
        add_pod(bed.api, "web")
        add_pod(bed.api, "logs", kind="DaemonSet")
        await bed.advance(**SLEEP)
        assert await bed.advance() == "Draining"
        assert bed.api.evicted == ["d/web"]
        assert await bed.advance() == "ShuttingDown"
        assert bed.switch.resets == ["shut down"]


async def test_a_pod_that_only_the_api_server_knows_of_keeps_the_node_on() -> None:
    """The watch may be late by the Pod that was bound last."""
    async with standby_bed() as bed:
        await bed.advance(**SLEEP)
        add_pod(bed.api, "web")
        await bed.advance(pods=())
        assert bed.switch.resets == []
        assert await bed.advance() == "Running"


async def test_a_node_that_somebody_else_just_uncordoned_is_not_shut_down() -> None:
    """The watch may be late by that change."""
    async with standby_bed() as bed:
        await bed.advance(**SLEEP)
        bed.observe()
        seen = bed.source.state.nodes["n1"]
        del bed.node["spec"]["unschedulable"]
        assert await bed.advance(node=seen) == "ShuttingDown"
        assert bed.switch.resets == []
        assert await bed.advance() == "Running"
        assert bed.reasons == ["StandbyCancelled"]


async def test_the_power_is_not_cut_under_pods_that_only_the_api_server_knows_of() -> None:
    async with standby_bed() as bed:
        bed.standby(force_off=True, shutdown_timeout=60.0)
        await bed.advance(**SLEEP)
        bed.switch.obeys = False
        assert await bed.advance() == "ShuttingDown"
        add_pod(bed.api, "web")
        assert await bed.advance(65, pods=()) == "ShuttingDown"
        assert bed.switch.resets == ["shut down"]
        assert await bed.advance() == "Running"


async def test_marks_that_could_not_be_removed_are_removed_later() -> None:
    async with standby_bed() as bed:
        await bed.advance(**SLEEP)
        del bed.node["spec"]["unschedulable"]  # by a person
        await bed.book.write(bed.config, Progress(), None)  # given back, but the API server was away
        assert await bed.advance() == "Running"
        assert not bed.node["spec"].get("taints")
        assert not bed.node["metadata"]["annotations"]


async def test_a_pod_that_must_stay_gives_the_node_back() -> None:
    async with standby_bed() as bed:
        add_pod(bed.api, "batch", kind="Job")
        await bed.advance(**SLEEP)
        assert await bed.advance() == "Running"
        assert bed.source.events[-1] == ("StandbyCancelled", bed.source.events[-1][1])
        assert "belongs to a Job" in bed.source.events[-1][1]
        assert (bed.api.evicted, bed.switch.resets) == ([], [])


async def test_a_bmc_that_is_away_is_read_more_and_more_rarely() -> None:
    async with standby_bed() as bed:
        bed.switch.away = True
        for _ in range(60):
            await bed.advance(5)
        assert bed.switch.reads < 20
        assert bed.source.present["c"]["standby"]["powerState"] == "Unknown"
        bed.switch.away = False
        await bed.advance(300)
        assert bed.sequences.power_of("n1") is PowerState.ON


async def test_a_running_node_is_read_rarely() -> None:
    async with standby_bed() as bed:
        for _ in range(20):
            await bed.advance(10)
        assert bed.switch.reads == 1


async def test_a_node_without_a_bmc_is_off_when_it_is_not_ready() -> None:
    async with standby_bed(FakeSwitch(observes=False)) as bed:
        await bed.advance(**SLEEP)
        assert SHUTDOWN not in bed.node["metadata"]["annotations"]
        assert await bed.advance() == "ShuttingDown"
        assert bed.node["metadata"]["annotations"][SHUTDOWN] == "requested"  # read by an agent on the node
        assert await bed.advance() == "ShuttingDown"
        bed.heartbeat(1, ready=False)
        assert await bed.advance() == "Asleep"
        await bed.advance(wish=Wish.WAKE, why="needed")
        assert SHUTDOWN not in bed.node["metadata"]["annotations"]
        bed.heartbeat(9)
        assert await bed.advance() == "Running"


async def test_a_request_is_kept_with_the_step_that_it_caused() -> None:
    async with standby_bed() as bed:
        await bed.advance(wish=Wish.TEST, why="requested: test", request="test 7")
        progress = bed.book.get(bed.config)
        assert progress is not None
        assert (progress.request, progress.testing) == ("test 7", True)
        bed.restart()
        await bed.book.load(bed.config)
        assert bed.book.get(bed.config) == progress
