"""Evictions: budgets are respected, and only the Pod that was meant is evicted."""

from __future__ import annotations

import pytest

from tests.fakes.fleet_api import FleetApi, serving_fleet
from wao_core.kube.client import KubeClient
from wao_fleet.drain.eviction import Eviction, EvictionResult, evict
from wao_fleet.drain.pods import FleetPod
from wao_predict.backoff import Backoff

POD = FleetPod(name="p", namespace="n", uid="n/p")
BUDGET = "Cannot evict pod as it would violate the pod's disruption budget."


def quick() -> Backoff:
    return Backoff(initial=0.001, maximum=0.01)


async def evicted(api: FleetApi, pod: FleetPod = POD, *, deadline: float = 10.0) -> Eviction:
    async with serving_fleet(api) as client:
        return await evict(client, pod, deadline=deadline, backoff=quick())


def with_pod(*refusals: tuple[int, str]) -> FleetApi:
    api = FleetApi()
    api.add_pod("n/p")
    api.refusals["n/p"] = list(refusals)
    return api


async def test_a_pod_is_evicted_by_the_eviction_api() -> None:
    api = with_pod()
    assert await evicted(api) == Eviction(EvictionResult.EVICTED)
    assert api.evicted == ["n/p"]
    (body,) = api.bodies
    assert (body["apiVersion"], body["kind"]) == ("policy/v1", "Eviction")
    assert body["deleteOptions"] == {"preconditions": {"uid": "n/p"}}


async def test_while_a_budget_does_not_allow_it_the_eviction_is_tried_again() -> None:
    api = with_pod((429, BUDGET), (429, BUDGET), (503, "try later"))
    assert (await evicted(api)).result is EvictionResult.EVICTED
    assert len(api.bodies) == 4


async def test_a_budget_that_never_allows_it_ends_the_attempts_at_the_deadline() -> None:
    found = await evicted(with_pod(*[(429, BUDGET)] * 10_000), deadline=0.2)
    assert (found.result, found.blocked) == (EvictionResult.REFUSED, True)
    assert "not evicted within 0.2 s" in found.reason
    assert "disruption budget" in found.reason


async def test_a_pod_that_is_gone_or_was_replaced_is_not_an_error() -> None:
    assert (await evicted(FleetApi())).result is EvictionResult.GONE
    api = with_pod()
    replaced = FleetPod(name="p", namespace="n", uid="before")
    assert (await evicted(api, replaced)).result is EvictionResult.GONE
    assert api.evicted == []


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (403, "forbidden"),
        (500, "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."),
    ],
)
async def test_what_a_later_attempt_cannot_change_is_refused_at_once(status: int, message: str) -> None:
    api = with_pod((status, message))
    found = await evicted(api)
    assert (found.result, found.blocked, len(api.bodies)) == (EvictionResult.REFUSED, False, 1)
    assert message in found.reason


async def test_an_api_server_that_is_away_is_a_refusal() -> None:
    from kubernetes.aio.client import Configuration

    client = KubeClient(Configuration(host="http://127.0.0.1:9"))
    found = await evict(client, POD, deadline=0.05, backoff=quick())
    await client.close()
    assert (found.result, found.blocked) == (EvictionResult.REFUSED, False)
