"""The controller's process: work runs while it leads, and its counts are counters."""

from __future__ import annotations

import asyncio
from typing import cast

from tests.fakes.controller_cluster import Cluster
from tests.waiting import until
from wao_core.aio import BackgroundTasks
from wao_core.controller.server import add_metrics, while_leading
from wao_core.kube.client import KubeClient
from wao_core.kube.lease import LeaderElection
from wao_core.serving.frame import ServerFrame
from wao_predict.backoff import Backoff


def election() -> LeaderElection:
    """Return an election that the test decides."""
    return LeaderElection(cast(KubeClient, None), "wao-system", "lease", "us")


async def test_work_runs_while_leading_and_is_cancelled_when_the_lease_is_lost() -> None:
    ours, running = election(), 0

    async def work() -> None:
        nonlocal running
        running += 1
        try:
            await asyncio.Event().wait()
        finally:
            running -= 1

    async with BackgroundTasks() as tasks:
        tasks.supervise("leader-work", lambda: while_leading(ours, tasks, {"one": work, "two": work}))
        for _ in range(2):
            assert running == 0
            ours.lost.clear()
            ours.leading.set()
            await until(lambda: running == 2)
            ours.leading.clear()
            ours.lost.set()
            await until(lambda: running == 0)
        assert tasks.health() is None
    assert running == 0


async def test_work_that_fails_is_reported_and_restarted_while_the_rest_goes_on() -> None:
    ours, runs, cancelled = election(), 0, False
    ours.lost.clear()
    ours.leading.set()

    async def fails() -> None:
        nonlocal runs
        runs += 1
        raise ValueError("no good")

    async def goes_on() -> None:
        nonlocal cancelled
        try:
            await asyncio.Event().wait()
        finally:
            cancelled = True

    async with BackgroundTasks(backoff=lambda: Backoff(initial=0.01)) as tasks:
        tasks.supervise("leader-work", lambda: while_leading(ours, tasks, {"bad": fails, "good": goes_on}))
        await until(lambda: runs > 2)
        assert tasks.health() == "bad: ValueError: no good"
        assert not cancelled


async def test_rounds_and_failures_are_counters() -> None:
    cluster, frame = Cluster(), ServerFrame("controller")
    add_metrics(frame, election(), cluster.controller)
    await cluster.controller.reconcile()
    types = {family.name: family.type for family in frame.registry.collect()}
    assert "counter" == types["wao_reconcile_rounds"] == types["wao_reconcile_failures"]
    assert 1.0 == frame.registry.get_sample_value("wao_reconcile_rounds_total")
    assert 0.0 == frame.registry.get_sample_value("wao_reconcile_failures_total")
    assert 0.0 == frame.registry.get_sample_value("wao_controller_leading")
