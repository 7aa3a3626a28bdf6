"""Weights of many Services at once, and what they save on the published power tables."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import numpy as np

from benchmarks.figures import record
from benchmarks.timing import quantiles
from tests.fakes.snapshots import snapshot
from tests.fakes.sources import FakeSource
from tests.wao_predict.traffic.fleets import FLEETS, PUBLISHED, many_pools, saving
from wao_core.aio import BackgroundTasks
from wao_core.cluster.records import Endpoint, EndpointPort, EndpointSlice, Kind, Pod, PodMetrics, Service, ServicePort
from wao_core.cluster.state import ClusterState
from wao_lb.settings import LbSettings
from wao_lb.weight_book import WeightBook
from wao_predict.traffic.pools import Nodes, Pools
from wao_predict.traffic.weights import weigh

SERVICES, ENDPOINTS, NODES = 1000, 50, 1000


def main() -> None:
    """Print the time for 1,000 Services of 50 endpoints, and the increase relative to equal weights."""
    _rules()
    _book()
    print(f"\n{'increase relative to equal weights':36}{'background/load':>16}", end="")
    print(f"{'proportional':>14}{'published':>11}{'lookahead':>11}{'published':>11}{'optimum':>9}")
    for fleet, background, load, proportional, filled, optimum in PUBLISHED:
        found = saving(FLEETS[fleet], background, load)
        print(f"{fleet:36}{f'{background}/{load} %':>16}", end="")
        print(f"{found['proportional']:>14.2f}{proportional:>11.2f}{found['lookahead']:>11.2f}", end="")
        print(f"{filled:>11.2f}{optimum:>9.2f}")


def _rules() -> None:
    print(f"{SERVICES:,} Services x {ENDPOINTS} endpoints on {NODES:,} nodes, one Service alone")
    every = many_pools(SERVICES, ENDPOINTS, nodes=NODES)
    first = np.arange(SERVICES) == 0
    for rule, lookahead in (("proportional", False), ("lookahead", True)):
        line = f"  weigh, {rule:14}"
        for pools in (every, every.take(first)[0]):
            asked = replace(pools, lookahead=np.full(len(pools), lookahead))
            p50, p99 = quantiles(lambda asked=asked: weigh(asked), repeats=30)  # type: ignore[misc]
            line += f"{p50:>10.2f} ms, p99 {p99:>6.2f} ms"
            record(f"weigh {len(pools):,} pools, {rule}, p50", p50, "ms")
        print(line)


def _book() -> None:
    pools = many_pools(SERVICES, ENDPOINTS, nodes=NODES)
    nodes, state = pools.nodes, _state(pools)
    book = make_book(state)
    begin = time.perf_counter()
    _look(book, nodes, 0.0)
    print(f"  all as the service does it: first {1e3 * (time.perf_counter() - begin):.0f} ms", end="")
    moments = iter(range(1, 1000))
    draw = np.random.default_rng(0)

    def follow() -> None:
        """New CPU of every node, so that all is planned again."""
        _look(
            book,
            Nodes(nodes.curves, nodes.capacity_cores, nodes.usage_cores + draw.uniform(0, 1, NODES)),
            next(moments),
        )

    p50, p99 = quantiles(follow, repeats=30)
    part = next(iter(state.endpoint_slices.values()))
    shrunk = EndpointSlice(
        name=part.name, namespace=part.namespace, service=part.service, ports=part.ports, endpoints=part.endpoints[1:]
    )
    versions = iter([part, shrunk] * 1000)

    def change() -> None:
        """One endpoint comes or goes."""
        state.put(Kind.ENDPOINT_SLICE, next(versions))
        book.get(f"{part.namespace}/{part.service}")

    one, one99 = quantiles(change, repeats=30)
    record("a new snapshot, p50", p50, "ms")
    record("one slice changed, p50", one, "ms")
    print(f"; a new snapshot p50 {p50:.1f} ms, p99 {p99:.1f} ms; one slice changed {one:.2f} ms, p99 {one99:.2f} ms")


def make_book(state: ClusterState) -> WeightBook:
    """Return a book that plans on every snapshot."""
    return WeightBook(FakeSource(state), LbSettings(proxy_name=None, max_plan_share=math.inf), BackgroundTasks())


def _look(book: WeightBook, nodes: Nodes, moment: float) -> None:
    names = [f"n{row}" for row in range(len(nodes))]
    now = time.time() + 10.0 * moment
    made = snapshot(
        names,
        watts=nodes.curves.watts,
        knots=nodes.curves.knots,
        capacity=64.0,
        usage=nodes.usage_cores.tolist(),
        usage_at=now,
    )
    book.update(made)


def _state(pools: Pools) -> ClusterState:
    state = ClusterState()
    for row in range(len(pools)):
        begin = int(pools.parts.start[row])
        port = ServicePort(port=80, name="http")
        state.put(
            Kind.SERVICE,
            Service(name=f"s{row}", namespace="d", cluster_ips=(f"10.0.{row // 250}.{row % 250}",), ports=(port,)),
        )
        listed = []
        for item in range(begin, begin + ENDPOINTS):
            name, address = f"p{item}", f"10.{1 + item // 62500}.{item // 250 % 250}.{item % 250}"
            state.put(Kind.POD, Pod(name=name, namespace="d", cpu_limit=float(pools.cpu_limit[item])))
            state.put(
                Kind.POD_METRICS,
                PodMetrics(
                    name=name, namespace="d", cpu_cores=float(pools.cpu_cores[item]), timestamp=time.time() + 1e5
                ),
            )
            node = f"n{pools.node[item]}"
            listed.append(Endpoint(addresses=(address,), node_name=node, target_kind="Pod", target_name=name))
        ports = (EndpointPort(name="http", port=8080),)
        state.put(
            Kind.ENDPOINT_SLICE,
            EndpointSlice(name=f"s{row}-1", namespace="d", service=f"s{row}", endpoints=tuple(listed), ports=ports),
        )
    return state
