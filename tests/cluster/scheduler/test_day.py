"""A day in fast motion on equal nodes by three policies at the same time: they use energy in the simulator's order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.cluster.bed.day import Day
from tests.cluster.scheduler.conftest import DAYS
from tests.cluster.scheduler.figures import report
from tests.cluster.scheduler.fleets import CORES, Group
from tests.cluster.scheduler.site import Site
from wao_predict.simulate.engine import simulate_trace
from wao_predict.simulate.trace import Trace

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
SECONDS, LIFE, SIZE = 80.0, 15.0, 4.0
FULL, LATER = 0.9, 0.3
"""Load of the first Pods, and of those that come after them [fraction of the CPU]."""


def trace_of(nodes: int) -> Trace:
    """Return Pods that fill the nodes at first, and fewer that come and go later: then the policies differ."""
    draw, cores = np.random.default_rng(1), float(nodes * CORES)
    first, more = int(FULL * cores / SIZE), int(LATER * cores / SIZE * (SECONDS - LIFE) / LIFE)
    arrival = np.append(draw.uniform(0.0, LIFE / 2, first), draw.uniform(LIFE, SECONDS, more))
    duration = draw.exponential(LIFE, first + more) + LIFE / 4
    return Trace.of(arrival, duration, np.full(first + more, SIZE), horizon=SECONDS)


def test_a_day_shows_the_order_of_the_policies_in_the_simulator(site: Site) -> None:
    """Stock scheduler, look-ahead, floor rule: from the most energy to the least."""
    fleet = DAYS["least-allocated"].fleet()
    trace = trace_of(len(fleet.names))
    played = {policy: day_of(site, group, policy, trace) for policy, group in DAYS.items()}
    with ThreadPoolExecutor(len(played)) as pool:
        list(pool.map(Day.play, played.values()))
    predicted = {policy: simulate_trace(fleet, trace, policy).kwh * 3.6e6 for policy in DAYS}
    text = ", ".join(f"{name} {day.joules / 1000:,.0f} ({predicted[name] / 1000:,.0f})" for name, day in played.items())
    report(f"{len(trace)} pods in {SECONDS:g} s, energy in kJ and in the simulator: {text}")
    found = [day.joules for day in played.values()]
    assert list(predicted.values()) == sorted(predicted.values(), reverse=True)
    assert found == sorted(found, reverse=True)
    assert min(len(day.waited) for day in played.values()) >= 0.95 * len(trace), "the last ones may still wait"


def day_of(site: Site, group: Group, policy: str, trace: Trace) -> Day:
    """Return the day by one policy."""
    scheduler = "stock-scheduler" if policy == "least-allocated" else f"{policy}-scheduler"
    fleet = group.fleet()

    def watts(nodes: Mapping[int, str]) -> float:
        counts = Counter(nodes.values())
        used = fleet.usage_cores + SIZE * np.array([counts[name] for name in fleet.names])
        return float(fleet.with_usage(used).watts().sum())

    return Day(site.bed.admin, group.name, trace, lambda name, cores: group.pod(name, cores, scheduler), watts)
