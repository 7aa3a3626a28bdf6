"""Writing the EndpointSlices for Cilium: what, when, how often, and what is deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import msgspec
import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from tests.fakes.api_objects import decode_object
from tests.fakes.lb_cluster import Cluster, endpoint, part, service
from tests.waiting import until
from wao_core.cluster.records import EndpointSlice, Kind, ServicePort, key_of
from wao_core.kube.client import KubeClient, KubeError
from wao_core.kube.object_writer import WATCH_DELAY
from wao_lb.outputs.cilium import MANAGED_BY, MANAGER, WEIGHT, weight_of
from wao_lb.outputs.cilium_writer import (
    CONCURRENT_REQUESTS,
    LONGEST_RETRY,
    WEIGHT_PERIOD,
    WEIGHTS_A_ROUND,
    CiliumMetrics,
    CiliumWriter,
)
from wao_lb.settings import WEIGHTS_OF


class Api:
    """Keeps the requests; what it accepts is delivered by `deliver`."""

    def __init__(self) -> None:
        self.applied: list[EndpointSlice] = []
        self.deleted: list[str] = []
        self.managers: set[str] = set()
        self.error: KubeError | None = None
        self.running = self.most = 0

    async def apply(self, path: str, body: Mapping[str, Any], *, manager: str) -> None:
        self.managers.add(manager)
        await self._request()
        record = decode_object("EndpointSlice", dict(body))
        assert isinstance(record, EndpointSlice)
        assert path == f"/apis/discovery.k8s.io/v1/namespaces/{record.namespace}/endpointslices/{record.name}"
        self.applied.append(record)

    async def send(self, method: str, path: str) -> None:
        assert method == "DELETE"
        await self._request()
        self.deleted.append(path.rpartition("/")[2])

    async def _request(self) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        if self.error is not None:
            raise self.error


class Bench:
    """The Service `web` on two nodes, and a front of it."""

    def __init__(self, **of_front: Any) -> None:
        self.cluster, self.api, self.now = Cluster(), Api(), 0.0
        self.state = self.cluster.state
        self.front(**of_front)
        self.registry = CollectorRegistry()
        self.writer = CiliumWriter(
            self.cluster.source,
            cast(KubeClient, self.api),
            self.cluster.book,
            CiliumMetrics(self.registry),
            clock=lambda: self.now,
        )

    def front(self, **more: Any) -> None:
        fields = {"name": "front", "uid": "f", "annotations": {WEIGHTS_OF: "web"}, **more}
        self.state.put(Kind.SERVICE, service(**fields))

    async def write(self, later: float = 1.0) -> list[EndpointSlice]:
        """Compare once, and deliver what was written; return the slices that were."""
        self.now += later
        self.api.applied, self.api.deleted = [], []
        await self.writer.write()
        for item in self.api.applied:
            self.state.put(Kind.ENDPOINT_SLICE, item)
        for name in self.api.deleted:
            self.state.remove(Kind.ENDPOINT_SLICE, f"default/{name}")
        return self.api.applied

    @property
    def events(self) -> list[str]:
        return [message for _, _, message, _ in self.cluster.source.events]

    def count(self, name: str) -> float | None:
        return self.registry.get_sample_value(name)


async def test_a_front_gets_a_slice_for_each_node_with_the_weights_of_its_service() -> None:
    bench = Bench()
    bench.cluster.settle()
    written = {item.endpoints[0].addresses[0]: weight_of(item) for item in await bench.write()}
    shares = bench.cluster.weights()
    assert written == {address: round(2 * share) for address, share in shares.items()}
    assert bench.api.managers == {MANAGER}
    assert bench.count("wao_lb_cilium_writes_total") == 2
    assert await bench.write() == []


async def test_other_slices_and_services_are_left_alone() -> None:
    bench = Bench()
    bench.state.put(Kind.ENDPOINT_SLICE, part("other", labels={MANAGED_BY: "someone"}, service="x"))
    await bench.write()
    await bench.write()
    assert bench.api.deleted == []
    assert "default/web-1" in bench.state.endpoint_slices


async def test_a_change_of_endpoints_is_written_at_once() -> None:
    bench = Bench()
    await bench.write()
    bench.state.put(Kind.ENDPOINT_SLICE, part("web-1", endpoint(1, "a"), endpoint(2, "b", ready=False)))
    (written,) = [item for item in await bench.write(0.01) if not item.endpoints[0].ready]
    assert written.endpoints[0].addresses == ("10.1.0.2",)
    bench.state.put(Kind.ENDPOINT_SLICE, part("web-1", endpoint(1, "a")))
    await bench.write(0.01)
    assert bench.api.deleted == [written.name]


async def test_a_slice_whose_weight_alone_changes_is_written_once_in_a_while() -> None:
    bench = Bench()
    await bench.write()
    bench.cluster.settle(slopes=(3.0, 1.0))
    assert len(await bench.write()) == 2
    bench.cluster.settle(slopes=(1.0, 3.0))
    assert await bench.write() == []
    assert len(await bench.write(WEIGHT_PERIOD)) == 2


async def test_weights_are_written_at_a_bounded_rate_and_requests_are_few_at_a_time() -> None:
    bench = Bench()
    fronts = 40
    for number in range(fronts):
        bench.front(name=f"front-{number}", uid=str(number))
    bench.state.remove(Kind.SERVICE, "default/front")
    assert len(await bench.write()) == 2 * fronts
    assert bench.api.most == CONCURRENT_REQUESTS
    bench.cluster.settle(slopes=(3.0, 1.0))
    counts = [len(await bench.write()) for _ in range(5)]
    assert counts == [WEIGHTS_A_ROUND] * 3 + [2 * fronts - 3 * WEIGHTS_A_ROUND, 0]


async def test_a_write_that_the_watch_has_not_delivered_is_not_repeated_before_it_should_have() -> None:
    bench = Bench()
    await bench.writer.write()
    assert len(bench.api.applied) == 2
    bench.now += WATCH_DELAY / 2
    await bench.writer.write()
    assert len(bench.api.applied) == 2
    bench.now += WATCH_DELAY
    await bench.writer.write()
    assert len(bench.api.applied) == 4


async def test_a_write_that_failed_is_repeated() -> None:
    bench = Bench()
    bench.api.error = KubeError("no", status_code=403)
    assert await bench.writer.write() == 2
    assert bench.count("wao_lb_cilium_write_failures_total") == 2
    bench.api.error = None
    assert len(await bench.write()) == 2


async def test_slices_are_deleted_when_the_annotation_goes_or_a_selector_comes() -> None:
    changes: list[dict[str, Any]] = [{"annotations": {}}, {"has_selector": True}]
    for change in changes:
        bench = Bench()
        names = {item.name for item in await bench.write()}
        bench.front(**change)
        await bench.write()
        assert set(bench.api.deleted) == names
        assert await bench.write() == []
        assert bench.api.deleted == []
        assert [("remove the selector" in message) for message in bench.events] == [True] * ("has_selector" in change)


async def test_a_front_that_cannot_be_served_gets_an_event_once() -> None:
    bench = Bench()
    bench.front(name="a", annotations={WEIGHTS_OF: "absent"})
    bench.front(name="b", ports=(ServicePort(port=80, name="other"),))
    bench.state.put(Kind.ENDPOINT_SLICE, part("by-hand", endpoint(9, "a"), service="front"))
    for _ in range(3):
        await bench.write()
    assert sorted(bench.events) == [
        "annotation waok8s.github.io/weights-of: delete its EndpointSlice by-hand: "
        "Cilium uses one of two weights of an address",
        "annotation waok8s.github.io/weights-of: no port has the name and the protocol of a port of the Service "
        "default/web",
        "annotation waok8s.github.io/weights-of: the Service default/absent is not weighted: it does not exist, "
        "is headless, or has the annotation itself",
    ]


async def test_a_front_is_not_weighted_itself() -> None:
    bench = Bench()
    await bench.write()
    assert set(bench.cluster.book) == {"default/web"}


async def test_without_changes_nothing_is_compared() -> None:
    bench = Bench()
    compared: list[float] = []

    def clock() -> float:
        compared.append(bench.now)
        return bench.now

    api = cast(KubeClient, bench.api)
    writer = CiliumWriter(
        bench.cluster.source, api, bench.cluster.book, CiliumMetrics(CollectorRegistry()), rest=0.0, clock=clock
    )
    task = asyncio.create_task(writer.run())
    await until(lambda: len(bench.api.applied) == 2)
    bench.now += WATCH_DELAY
    for item in bench.api.applied:
        bench.state.put(Kind.ENDPOINT_SLICE, item)
    await until(lambda: writer.settled)
    count = len(compared)
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(compared) == count
    bench.front(annotations={})
    await until(lambda: len(bench.api.deleted) == 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_it_writes_when_weights_are_known_and_follows_changes_until_it_is_closed() -> None:
    bench = Bench()
    known: list[bool] = [False]
    writer = CiliumWriter(
        bench.cluster.source,
        cast(KubeClient, bench.api),
        bench.cluster.book,
        CiliumMetrics(CollectorRegistry()),
        ready=lambda: known[-1],
    )
    task = asyncio.create_task(writer.run())
    await asyncio.sleep(0)
    assert bench.api.applied == []
    known.append(True)
    await until(lambda: len(bench.api.applied) == 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    writer.close()
    bench.state.put(
        Kind.ENDPOINT_SLICE, msgspec.structs.replace(bench.api.applied[0], annotations={WEIGHT: "1"}, name="late")
    )
    assert await writer.write() == 0
    assert [key_of(item) for item in bench.api.applied].count("default/late") == 0
    assert bench.api.deleted == []


async def test_a_slice_that_is_refused_again_and_again_is_tried_less_often_and_delays_no_other() -> None:
    bench = Bench()
    bench.api.error = KubeError("exceeded quota", status_code=403)
    attempts = [await bench.writer.write() for bench.now in np.arange(0.0, 120.0, 0.5)]
    assert sum(attempts) < 30
    bench.api.error = None
    bench.front(name="other", uid="o")
    assert {item.service for item in await bench.write(0.0)} == {"other"}
    bench.now += LONGEST_RETRY
    await bench.writer.write()
    assert {item.service for item in bench.api.applied} == {"other", "front"}


@pytest.mark.parametrize("status", [None, 429, 503])
async def test_a_slice_that_failed_by_an_outage_is_tried_again_at_once(status: int | None) -> None:
    bench = Bench()
    bench.api.error = KubeError("not now", status_code=status)
    assert await bench.writer.write() > 0
    bench.api.error = None
    assert {item.service for item in await bench.write(0.0)} == {"front"}


async def test_a_front_that_goes_while_another_one_is_reported_ends_nothing() -> None:
    bench = Bench()
    bench.front(name="a", annotations={WEIGHTS_OF: "absent"})

    async def event(*_: object, **__: object) -> None:
        bench.state.remove(Kind.SERVICE, "default/front")

    bench.cluster.source.event = event  # type: ignore[method-assign]
    assert len(await bench.write()) == 2
    await bench.write()
    assert len(bench.api.deleted) == 2


async def test_a_front_is_reported_again_with_another_problem_and_no_text_of_its_annotation_is_long() -> None:
    bench = Bench()
    for name in ("x" * 100_000, "y"):
        bench.front(annotations={WEIGHTS_OF: name})
        for _ in range(2):
            await bench.write()
    assert [len(message) < 1000 for message in bench.events] == [True, True]


async def test_weights_of_one_namespace_do_not_delay_those_of_another() -> None:
    bench = Bench()
    bench.state.put(Kind.SERVICE, service(namespace="shop", uid="shop"))
    bench.state.put(Kind.ENDPOINT_SLICE, part("shop-1", endpoint(3, "a"), endpoint(4, "b"), namespace="shop"))
    bench.front(namespace="shop", uid="g")
    for number in range(40):
        bench.front(name=f"front-{number}", uid=str(number))
    await bench.write()
    bench.cluster.settle(slopes=(3.0, 1.0))
    first = await bench.write()
    assert len(first) == WEIGHTS_A_ROUND
    assert sum(item.namespace == "shop" for item in first) == 2
