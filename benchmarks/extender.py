"""The extender in its process: filter and prioritize, and how soon a changed input decides.

The time of a request runs from the bytes of the body to the bytes of the answer, as the process itself measures it. It
includes the look-up of the candidates, which the extender does between the two answers while kube-scheduler reads the
first. A column of its own shows this part. The rules are compared by the CPU time of requests that alternate, so that
both see the same machine.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.figures import record
from benchmarks.increase import curves_of
from benchmarks.timing import quantiles
from tests.fakes.snapshots import snapshot
from wao_core.cluster.records import Kind, Node, NodeConfig, NodeMetrics
from wao_core.cluster.state import ClusterState
from wao_core.collector.store import Sample, SampleStore
from wao_core.prediction.curve_book import CurveBook
from wao_core.prediction.snapshot_builder import SnapshotBuilder
from wao_predict import Predictor, list_models, load_predictor
from wao_predict.curves import DEFAULT_KNOTS
from wao_predict.endpoint import Endpoint
from wao_predict.increase import Rule
from wao_scheduler.config import ProfileSettings, SchedulerSettings
from wao_scheduler.decision_engine import DecisionEngine
from wao_scheduler.decisions import PlacementDecision, explain
from wao_scheduler.wire import ArgsDecoder, ScoreEncoder, encode_filter

SIZES = (100, 1000, 5000)
CORES = 32.0


def main() -> None:
    """Print request times, and the time from a changed input to scores, by number of nodes."""
    titles = (
        f"{'nodes':>8}{'filter + prioritize p50':>26}{'p99':>10}{'body':>12}{'of it look-up':>19}{'explain after':>17}"
    )
    print(f"{titles}   (wanted: p99 under 5 ms)")
    for nodes in SIZES:
        _requests(nodes)
    print(f"\n{'nodes':>8}{'lookahead p50':>18}{'floor p50':>14}{'floor / lookahead':>20}   (wanted: at most 1.10)")
    for nodes in SIZES:
        _rules(nodes)
    print(f"\n{'nodes':>8}{'one value moved':>18}{'all moved':>12}{'requests wait at most':>24}")
    for nodes in SIZES:
        asyncio.run(_changes(nodes))


def _requests(nodes: int) -> None:
    site, bodies = _Extender(nodes, "lookahead"), bodies_of(nodes, 1100)
    times = [site.decide(body) for body in bodies]
    answers, waits = 1e3 * np.array(times[50:]).T  # the first ones make what the others find
    p50, p99 = np.quantile(answers, (0.5, 0.99))
    explained, _ = quantiles(lambda: explain(site.last).summary(), repeats=100)
    record(f"filter and prioritize, {nodes:,} nodes, p50", p50, "ms")
    record(f"filter and prioritize, {nodes:,} nodes, p99", p99, "ms")
    print(
        f"{nodes:>8}{p50:>23.3f} ms{p99:>10.3f}{len(bodies[0]) / 1e3:>9.1f} kB"
        f"{np.median(waits):>16.3f} ms{explained:>14.3f} ms"
    )


def _rules(nodes: int) -> None:
    """Compare the rules, each on an extender of its own: every request goes to both, and each is the first in turn."""
    sites: dict[Rule, _Extender] = {rule: _Extender(nodes, rule) for rule in ("lookahead", "floor")}
    times: dict[Rule, list[float]] = {rule: [] for rule in sites}
    for number, body in enumerate(bodies_of(nodes, 1100)):
        for rule in sorted(sites, reverse=number % 2 == 0):
            began = time.process_time()
            sites[rule].decide(body)
            times[rule].append(time.process_time() - began)
    lookahead, floor = (1e3 * np.median(times[rule][50:]) for rule in sites)
    print(f"{nodes:>8}{lookahead:>15.3f} ms{floor:>11.3f} ms{floor / lookahead:>20.3f}")
    record(f"floor of lookahead, {nodes:,} nodes", floor / lookahead, "x")


class _Extender:
    """An extender with a snapshot of nodes that are loaded and keep half of their load.

    Attributes
    ----------
    last
        The last decision.
    """

    last: PlacementDecision

    def __init__(self, nodes: int, rule: Rule) -> None:
        settings = SchedulerSettings(profiles={"default": ProfileSettings(rule=rule)})
        usage = np.random.default_rng(2).uniform(0.5, 20, nodes)
        self._engine = DecisionEngine(ClusterState(), settings)
        self._engine.update(
            snapshot(
                names_of(nodes),
                watts=curves_of(nodes).watts,
                knots=DEFAULT_KNOTS,
                capacity=CORES,
                usage=usage.tolist(),
                floor=(usage / 2).tolist(),
            )
        )
        self._decoder, self._encoder = ArgsDecoder(), ScoreEncoder()

    def decide(self, body: bytes) -> tuple[float, float]:
        """Answer filter and prioritize; return the time of both and that of the look-up in it [s]."""
        first, second = bytes(memoryview(body)), bytes(memoryview(body))  # read from the wire twice
        began = time.perf_counter()
        args = self._decoder.decode(first)
        result = self._engine.filter(args.pod, args.names)
        encode_filter(args, result.keep, result.failed)
        between = time.perf_counter()
        self._engine.prepare(args.names)  # while kube-scheduler reads the answer
        asked = time.perf_counter()
        again = self._decoder.decode(second)
        self.last = self._engine.prioritize(again.pod, again.names)
        self._encoder.encode(self.last.names, self.last.scores, self.last.rows, self.last.snapshot.names)
        return time.perf_counter() - began, asked - between


async def _changes(nodes: int) -> None:
    """Measure from a sensor's new value in the store to decisions on the new curve."""
    site = _Site(nodes)
    await site.settle()
    one = [await site.change(site.names[:1], 25.0 + number) for number in range(5)]
    every = [await site.change(site.names, 26.0 + number) for number in range(3)]
    blocked = max(longest for _, longest in (*one, *every))
    record(f"a moved value to scores, {nodes:,} nodes", 1e3 * min(total for total, _ in one), "ms")
    print(
        f"{nodes:>8}{1e3 * min(total for total, _ in one):>15.0f} ms{1e3 * min(total for total, _ in every):>9.0f} ms"
        f"{1e3 * blocked:>21.0f} ms"
    )


class _Site:
    """Nodes of the four shipped models with sensors, CPU samples, curves and an engine."""

    def __init__(self, nodes: int) -> None:
        self.names = names_of(nodes)
        self.state, self.store = ClusterState(), SampleStore()
        models = [info.name for info in list_models()]
        for row, name in enumerate(self.names):
            model = Endpoint("Onnx", models[row % len(models)])
            self.state.put(Kind.NODE, Node(name=name, capacity_cores=CORES))
            config = NodeConfig(name=name, namespace="wao-system", node_name=name, power_consumption=model)
            self.state.put(Kind.NODE_CONFIG, config)
            self.state.put(Kind.NODE_METRICS, NodeMetrics(name=name, cpu_cores=4.0, timestamp=time.time(), window=10.0))
        self._put(self.names, 22.0)
        self.book = CurveBook(_open)
        self.builder = SnapshotBuilder(self.state, self.store, self.book)
        self.engine = DecisionEngine(self.state, SchedulerSettings())

    async def settle(self) -> float:
        """Bring curves and engine up to date; return the longest time that the loop was held [s]."""
        longest = 0.0
        for _ in range(2):
            began = time.perf_counter()
            self.engine.update(self.builder.refresh())
            longest = max(longest, time.perf_counter() - began)
            await self.book.settle(60.0)
        return longest

    async def change(self, names: Sequence[str], inlet_temp: float) -> tuple[float, float]:
        """Move a sensor's value; return the time until it decides, and the longest that the loop was held [s]."""
        began = time.perf_counter()
        self._put(names, inlet_temp)
        longest = await self.settle()
        return time.perf_counter() - began, longest

    def _put(self, names: Sequence[str], inlet_temp: float) -> None:
        for name in names:
            self.store.put(name, "inlet_temp", Sample(inlet_temp, time.time(), ttl=600.0))
            self.store.put(name, "delta_p", Sample(10.0, time.time(), ttl=600.0))


async def _open(endpoint: Endpoint) -> Predictor:
    return await asyncio.to_thread(partial(load_predictor, endpoint.url))


def names_of(nodes: int) -> list[str]:
    """Return names as long as those of real nodes."""
    return [f"ip-10-0-{number // 256}-{number % 256}.eu-north-1.compute" for number in range(nodes)]


def bodies_of(nodes: int, count: int) -> list[bytes]:
    """Return requests for different pods, each with the nodes in the order of kube-scheduler's parallel filters."""
    names, order = names_of(nodes), np.random.default_rng(3).permutation
    return [body_of([names[row] for row in order(nodes)], number) for number in range(count)]


def body_of(names: Sequence[str], number: int) -> bytes:
    """Return a request of kube-scheduler for one pod, with names only, and as large as the API server makes a pod."""
    about: dict[str, Any] = {"name": f"p{number}", "namespace": "default", "uid": f"u{number}"}
    about["managedFields"] = [
        {"manager": "kube-controller-manager", "fieldsV1": {f"f:{field}": {} for field in range(20)}} for _ in range(8)
    ]
    container = {
        "name": "app",
        "image": "registry.example.com/team/app:1.2.3",
        "env": [{"name": f"SETTING_{row}", "value": "x" * 20} for row in range(40)],
        "resources": {"requests": {"cpu": "500m", "memory": "512Mi"}},
    }
    pod = {"metadata": about, "spec": {"containers": [container], "schedulerName": "wao-scheduler"}}
    return json.dumps({"Pod": pod, "Nodes": None, "NodeNames": list(names)}, separators=(",", ":")).encode()
