"""What the placement saves against the spread baseline, from the state of a cluster."""

from __future__ import annotations

import pytest

from tests.fakes.snapshots import snapshot
from tests.fakes.spread_site import ASLEEP, Site
from wao_core.cluster.records import Node, OwnerRef, Taint
from wao_scheduler.spread_saving import LONGEST_GAP, Energy, is_open


async def test_pods_that_are_packed_save_what_they_would_cost_on_all_nodes() -> None:
    site = Site()
    assert await site.saved() == pytest.approx(2 * 164.0 - 192.0 - 100.0)
    assert site.saving.saving is not None
    assert site.saving.saving.baseline_watts == pytest.approx(328.0)
    assert site.saving.saving.nodes == 2


async def test_a_node_that_sleeps_saves_its_idle_power_too() -> None:
    site = Site()
    site.sleep("b")
    site.look(8.0, float("nan"))
    assert await site.saved() == pytest.approx(2 * 164.0 - 192.0 - 5.0)


async def test_a_node_whose_load_is_not_known_is_left_out() -> None:
    site = Site()
    site.look(8.0, float("nan"))
    assert await site.saved() == 0.0
    assert site.saving.saving is not None
    assert site.saving.saving.nodes == 1


@pytest.mark.parametrize("more", [{"owner": OwnerRef("DaemonSet", "d")}, {"owner": OwnerRef("Node", "a")}])
async def test_pods_that_live_with_their_node_stay(more: dict[str, object]) -> None:
    site = Site()
    for number in range(2):
        site.pod(number, **more)
    assert await site.saved() == 0.0
    assert site.saving.saving is not None
    assert site.saving.saving.pods == 0


async def test_pods_of_other_schedulers_stay() -> None:
    site = Site(settings={"profiles": {"default": {"schedulerNames": ["wao"]}}})
    assert await site.saved() == 0.0
    for number in range(2):
        site.pod(number, scheduler_name="wao")
    assert await site.saved() > 0.0


async def test_pods_that_have_ended_do_not_count() -> None:
    site = Site()
    site.pod(1, phase="Succeeded")
    assert await site.saved() == 0.0  # the one that is left is as cheap on the other node


async def test_the_saving_is_measured_where_there_are_meters() -> None:
    site = Site(meters={"a": 192.0 * 1.1})
    await site.saving.update()
    assert site.saving.saving is not None
    assert site.saving.saving.measured_nodes == 1
    assert site.saving.saving.measured_watts == pytest.approx(1.1 * (164.0 - 192.0) + 164.0 - 100.0)


async def test_a_failure_of_the_meters_leaves_the_prediction(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    site = Site(problem="it is down")
    for _ in range(2):
        assert await site.saved() > 0.0
    assert site.saving.saving is not None
    assert site.saving.saving.measured_watts is None
    assert caplog.text.count("predicted, but not measured: it is down") == 1


async def test_energy_is_counted_by_its_sign_and_not_over_gaps() -> None:
    site = Site(meters={"a": 192.0, "b": 200.0})
    await site.saving.update()
    assert site.saving.predicted.saved == 0.0
    for seconds in (60.0, 100 * LONGEST_GAP):
        site.now += seconds
        await site.saving.update()
    assert site.saving.predicted.saved == pytest.approx(36.0 * (60.0 + LONGEST_GAP))
    assert (site.saving.predicted.lost, site.saving.metered.lost) == (0.0, 0.0)
    assert site.saving.metered.saved == pytest.approx(100.0 * (60.0 + LONGEST_GAP))


async def test_without_nodes_there_is_no_saving() -> None:
    site = Site()
    site.engine.update(snapshot([]))
    await site.saving.update()
    assert site.saving.saving is None


def test_nodes_that_wao_drains_are_open_in_the_baseline() -> None:
    assert is_open(Node(name="n", ready=False, unschedulable=True, taints=ASLEEP))
    assert not is_open(Node(name="n", taints=(Taint("gpu", "", "NoSchedule"),)))
    assert is_open(Node(name="n", taints=(Taint("old", "", "PreferNoSchedule"),)))
    assert not is_open(Node(name="n", ready=False))


def test_energy_of_a_placement_that_uses_more_is_lost() -> None:
    energy = Energy()
    for watts in (10.0, -4.0, None):
        energy.add(watts, 60.0)
    assert (energy.saved, energy.lost) == (600.0, 240.0)
