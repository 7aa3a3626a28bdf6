"""Whatever fails, pods schedule; and the last known values are used, so no outage leads to the expensive type."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest

from tests.cluster.bed.program import wait_for
from tests.cluster.scheduler.conftest import GROUPS
from tests.cluster.scheduler.figures import MOST_SLOW, answers, report, slow_share
from tests.cluster.scheduler.models import ModelServer
from tests.cluster.scheduler.site import PATIENCE, PODS, Site

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


def back(site: Site, name: str) -> bool:
    """Place one pod, and return whether the extender chose its node."""
    node = site.place_one(GROUPS["outage"], name, 0.5)
    decision = site.decision(name)
    return decision is not None and decision["chosen"] == node and site.cheapest(GROUPS["outage"], name)[1] <= 0.02


def test_without_the_extender_pods_still_schedule_and_it_counts_again_soon_after_its_return(site: Site) -> None:
    site.extender.stop(kill=True)
    try:
        site.place(GROUPS["outage"], "alone", 10, 0.5)
    finally:
        began = time.monotonic()
        site.extender = site.start_extender()
    tried = iter(range(1000))
    wait_for(lambda: back(site, f"again-{next(tried)}"), "power-aware placement", seconds=10)
    report(f"power-aware placement {time.monotonic() - began:.1f} s after the extender's process was started")


def test_an_extender_that_does_not_answer_holds_pods_up_for_its_timeout_only(site: Site) -> None:
    with site.stopped(site.extender.process.pid):
        began = time.monotonic()
        for number in range(3):
            site.place_one(GROUPS["outage"], f"slow-{number}", 0.5)
        each = (time.monotonic() - began) / 3
    report(f"extender held: {each:.1f} s a pod (httpTimeout 1 s, asked twice)")
    assert each < 8
    tried = iter(range(1000))
    wait_for(lambda: back(site, f"after-{next(tried)}"), "power-aware placement", seconds=10)


def test_a_scheduler_that_insists_on_the_extender_waits_for_it(site: Site) -> None:
    """`ignorable: false` for those who would rather wait; the attempt fails after the timeout, and is made again.

    kube-scheduler observes the field for `filter` only.
    """
    config = site.scheduler_config()
    config["profiles"][0]["schedulerName"] = name = "strict-scheduler"
    config["extenders"][0] |= {"ignorable": False, "filterVerb": "filter"}
    config["leaderElection"] = {"leaderElect": False}  # the shipped one holds the Lease
    scheduler = site.bed.start_scheduler(config, name=name, account=site.scheduler_account())
    path = f"{PODS}/strict-0"
    try:
        with site.stopped(site.extender.process.pid):
            site.bed.admin.create(PODS, GROUPS["outage"].pod("strict-0", 0.5, name))
            wait_for(lambda: failed_attempt(site.bed.admin.get(path)), "a failed attempt", seconds=PATIENCE)
            assert "nodeName" not in site.bed.admin.get(path)["spec"]
        node = wait_for(lambda: site.bed.admin.get(path)["spec"].get("nodeName"), "strict-0 bound", seconds=PATIENCE)
        chosen, excess = site.cheapest(GROUPS["outage"], "strict-0")
        assert chosen == node
        assert excess <= 0.02
    finally:
        scheduler.stop()


def failed_attempt(pod: Any) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(item["type"] == "PodScheduled" and item.get("reason") == "SchedulerError" for item in conditions)


@pytest.mark.parametrize("mode", ["refuse", "hang"])
def test_a_model_server_that_fails_changes_no_choice_and_slows_none(site: Site, models: ModelServer, mode: str) -> None:
    group, before = GROUPS["remote"], models.asked.get(mode, 0)
    models.mode = mode
    try:
        wait_for(
            lambda: models.asked.get(mode, 0) > before, "curves are due, and the server is asked", seconds=PATIENCE
        )
        answered = answers(site)
        placed = site.place(group, f"model-{mode}", 30, 2.0)
        assert {kind_of(node) for node in placed.values()} == {"cloud"}, Counter(placed.values())
        ours, optimum = group.watts(placed, 2.0), group.optimum(2.0, 30)
        assert slow_share(answered, answers(site)) <= MOST_SLOW
        assert ours <= 1.01 * optimum
    finally:
        models.mode = "answer"


def oldest(site: Site) -> float:
    """Return the age of the oldest inlet temperature in use [s]."""
    return site.metric('wao_extender_input_age_seconds{input="inlet_temp"}')


def kind_of(node: str) -> str:
    return node.split("-")[1]


def test_with_all_metrics_gone_the_last_values_count(site: Site) -> None:
    """Half a minute here; ten minutes are tested on an injected clock, see the curve book's tests."""
    group = GROUPS["outage"]
    site.metrics_api.stop(kill=True)
    try:
        with site.stopped(site.metrics_server.pid):
            placed = site.place(group, "gone", 20, 2.0)
            wait_for(lambda: oldest(site) > 30, "the values age", seconds=PATIENCE, pause=0.5)
            placed |= {f"late-{number}": site.place_one(group, f"late-{number}", 2.0) for number in range(20)}
    finally:
        site.metrics_api = site.start_metrics_api()
    ours, optimum = group.watts(placed, 2.0), group.optimum(2.0, 40)
    report(f"40 pods without metrics: {ours:,.0f} W, optimum {optimum:,.0f} W")
    assert ours <= 1.01 * optimum
