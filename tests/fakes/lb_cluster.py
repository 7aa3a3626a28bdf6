"""A cluster with one Service on two nodes, and the weight book over it."""

from __future__ import annotations

import time
from typing import Any

from tests.fakes.snapshots import snapshot
from tests.fakes.sources import FakeSource
from wao_core.aio import BackgroundTasks
from wao_core.cluster.records import Endpoint, EndpointPort, EndpointSlice, Kind, Pod, PodMetrics, Service, ServicePort
from wao_core.cluster.state import ClusterState
from wao_lb.documents import ServiceWeights
from wao_lb.settings import LbSettings
from wao_lb.weight_book import WeightBook
from wao_predict.traffic.limits import Limits


def service(**more: Any) -> Service:
    fields: dict[str, Any] = {
        "name": "web",
        "namespace": "default",
        "uid": "s",
        "cluster_ips": ("10.0.0.1",),
        "ports": (ServicePort(port=80, name="http"),),
    }
    return Service(**(fields | more))


def endpoint(number: int, node: str, **more: Any) -> Endpoint:
    return Endpoint(
        addresses=(f"10.1.0.{number}",), node_name=node, target_kind="Pod", target_name=f"web-{number}", **more
    )


def part(name: str, *endpoints: Endpoint, **more: Any) -> EndpointSlice:
    ports = (EndpointPort(name="http", port=8080),)
    return EndpointSlice(
        **({"name": name, "namespace": "default", "service": "web", "endpoints": endpoints, "ports": ports} | more)
    )


EVERY = LbSettings(proxy_name=None, limits=Limits(floor=0.0))


class Cluster:
    """A state with one Service on two nodes, and the book over it; time passes with every look.

    Plans take `plan_seconds` by the book's clock, which is 0 unless a test changes it.
    """

    def __init__(self, settings: LbSettings = EVERY, **of_service: Any) -> None:
        self.plan_seconds = 0.0
        self.tasks = BackgroundTasks()
        self.state = ClusterState()
        self.source = FakeSource(self.state)
        self.now = time.time()
        self.state.put(Kind.SERVICE, service(**of_service))
        self.state.put(Kind.ENDPOINT_SLICE, part("web-1", endpoint(1, "a"), endpoint(2, "b")))
        for number in (1, 2):
            self.pod(number)
            self.load(number, 1.0)
        self.book = self.make_book(settings)
        self.look()

    def make_book(self, settings: LbSettings = EVERY, **more: Any) -> WeightBook:
        return WeightBook(self.source, settings, self.tasks, clock=self.clock, **more)

    def clock(self) -> float:
        self.now += self.plan_seconds
        return self.now

    def pod(self, number: int, **more: Any) -> None:
        fields: dict[str, Any] = {"name": f"web-{number}", "namespace": "default", "uid": str(number), "cpu_limit": 4.0}
        self.state.put(Kind.POD, Pod(**(fields | more)))

    def load(self, number: int, cores: float) -> None:
        used = PodMetrics(name=f"web-{number}", namespace="default", cpu_cores=cores, timestamp=self.now)
        self.state.put(Kind.POD_METRICS, used)

    def look(self, slopes: tuple[float, ...] = (1.0, 2.0), *, later: float = 10.0, **more: Any) -> None:
        self.now += later
        usage = more.pop("usage", [1.5] * len(slopes))
        names = more.pop("names", ["a", "b", "c"][: len(slopes)])
        self.book.update(snapshot(names, slopes=slopes, usage=usage, usage_at=self.now, **more))

    def settle(self, *args: Any, **more: Any) -> None:
        for _ in range(40):
            self.look(*args, **more)

    def document(self) -> ServiceWeights:
        found = self.book.get("default/web")
        assert found is not None
        return found

    def weights(self) -> dict[str, float]:
        return {item.address: item.weight for port in self.document().ports for item in port.endpoints}
