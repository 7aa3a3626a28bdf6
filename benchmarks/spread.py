"""What the comparison with the spread baseline costs the extender: its CPU, and the longest step between requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

import numpy as np

from benchmarks.increase import curves_of
from tests.fakes.snapshots import snapshot
from wao_core.cluster.records import Kind, Node, Pod
from wao_core.cluster.state import ClusterState
from wao_scheduler.config import parse_settings
from wao_scheduler.decision_engine import DecisionEngine
from wao_scheduler.spread_saving import PERIOD, SpreadSaving

SIZES = ((1000, 20_000), (5000, 100_000))
REQUESTS = (0.1, 0.25, 0.5, 1.0, 2.0)
REPEATS = 5


def main() -> None:
    """Print one line per number of nodes and pods."""
    for nodes, pods in SIZES:
        saving = _cluster(nodes, pods)
        seconds, longest = asyncio.run(_measure(saving))
        print(
            f"{nodes:>5} nodes, {pods:>7} pods: {1000 * seconds:>5.0f} ms of CPU every {PERIOD:g} s "
            f"({seconds / PERIOD:.2%} of a core), longest step {1000 * longest:.1f} ms"
        )


def _cluster(nodes: int, pods: int) -> SpreadSaving:
    draw = np.random.default_rng(nodes)
    state, names = ClusterState(), [f"n{number}" for number in range(nodes)]
    for name in names:
        state.put(Kind.NODE, Node(name=name, capacity_cores=64.0, allocatable_cores=63.0, allocatable_pods=110))
    for number, row in enumerate(draw.integers(nodes, size=pods).tolist()):
        cores = float(draw.choice(REQUESTS))
        pod = Pod(name=f"p{number}", namespace="d", node_name=names[row], created=float(number), cpu_request=cores)
        state.put(Kind.POD, pod)
    engine = DecisionEngine(state, parse_settings({}))
    curves = curves_of(nodes)
    usage = draw.uniform(5.0, 30.0, nodes).tolist()
    engine.update(snapshot(names, watts=curves.watts, knots=curves.knots, capacity=64.0, usage=usage))
    return SpreadSaving(engine, state, _no_meters)


async def _no_meters() -> Mapping[str, float]:
    return {}


async def _measure(saving: SpreadSaving) -> tuple[float, float]:
    """Return the CPU time of one comparison, and the longest time for which the event loop does nothing else [s]."""
    await saving.update()
    began = time.thread_time()
    for _ in range(REPEATS):
        await saving.update()
    seconds = (time.thread_time() - began) / REPEATS
    task, longest = asyncio.create_task(saving.update()), 0.0
    while not task.done():
        before = time.thread_time()
        await asyncio.sleep(0)
        longest = max(longest, time.thread_time() - before)
    return seconds, longest
