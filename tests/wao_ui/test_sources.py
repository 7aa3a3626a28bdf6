"""The page reads the real applications, each in its own form, and reports those that do not answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes.servers import APPS
from wao_core.serving.frame import ServerFrame
from wao_core.serving.server import Server
from wao_predict.connection import TlsPolicy
from wao_predict.errors import RemoteError, UsageError
from wao_ui.feeds import Api, value_of
from wao_ui.sensor_failures import SensorFailure
from wao_ui.sources import REPLICAS, Apis, Sources

NAMES = {"metrics": "metrics-api", "scheduler": "scheduler", "lb": "lb", "rebalance": "rebalance", "standby": "standby"}

DECISION = {
    "at": "2026-01-01T00:00:00Z",
    "mode": "act",
    "mayStop": True,
    "doubt": "",
    "killSwitch": False,
    "waiting": 0,
    "waitedSeconds": 0.0,
    "held": [],
    "saved": 90.0,
    "measuredSaved": None,
    "nodes": [],
}


@pytest.fixture
async def sources() -> AsyncIterator[Sources]:
    async with AsyncExitStack() as stack:
        apis: dict[str, Any] = {}
        for name, app in NAMES.items():
            frame = ServerFrame(app)
            await stack.enter_async_context(frame.tasks)
            server = await stack.enter_async_context(Server(APPS[app](frame)))
            apis[name] = Api(server.url, TlsPolicy())
        made = Apis(**apis)
        yield Sources.of(made)
        await made.close()


async def test_every_application_is_read_in_its_own_form(sources: Sources) -> None:
    await sources.refresh()
    assert {feed.name: feed.problem for feed in sources.feeds if feed.problem} == {
        "rebalancer, plan": "it answered 503: there is no plan yet: the first one is being made",
        "standby": next(feed.problem for feed in sources.feeds if feed.name == "standby"),
    }
    metrics, nodes, weights = value_of(sources.metrics), value_of(sources.nodes), value_of(sources.weights)
    assert metrics is not None
    assert metrics["inlet_temp"]["n1"].value == 22.5
    assert metrics["power_watts"] == {}
    assert nodes is not None
    assert [node.name for node in nodes.nodes] == ["a", "b"]
    assert weights
    assert value_of(sources.sensors) == (SensorFailure("n1", "delta_p", "no answer in 8 s"),)
    assert value_of(sources.decisions) == ()
    assert value_of(sources.evictions) == ()


async def test_questions_of_one_viewer_are_answered_by_the_scheduler(sources: Sources) -> None:
    answer = await sources.what_if("500m", 3)
    assert (answer.count, answer.per_node) == (3, {"b": 3})
    with pytest.raises(RemoteError, match="no decision on pod 'default/none' is kept"):
        await sources.decision("default/none")


async def test_weights_that_did_not_change_are_not_read_again(sources: Sources) -> None:
    await sources.refresh()
    first = value_of(sources.weights)
    await sources.refresh()
    again = value_of(sources.weights)
    assert first
    assert again
    assert all(again[key] is first[key] for key in first)


async def test_an_application_that_is_not_configured_is_named_with_its_option() -> None:
    sources = Sources.of(Apis())
    assert sources.feeds == ()
    with pytest.raises(UsageError, match="--scheduler-url"):
        await sources.what_if("1", 1)


@pytest.mark.parametrize(("followers", "problem"), [(3, ""), (50, "another replica leads")])
async def test_the_replica_that_acts_is_looked_for_with_new_connections(followers: int, problem: str) -> None:
    """A Service leads each new connection to any replica; those that follow have no decision."""
    asked: list[str | None] = []

    async def standby(request: Request) -> Response:
        asked.append(request.headers.get("connection"))
        if len(asked) <= followers:
            return JSONResponse({"error": "there is no decision yet: another replica leads"}, 503)
        return JSONResponse(DECISION)

    frame = ServerFrame("standby")
    async with frame.tasks, Server(Starlette(routes=[Route("/v1/standby", standby)])) as server:
        apis = Apis(standby=Api(server.url, TlsPolicy()))
        sources = Sources.of(apis)
        await sources.refresh()
        await apis.close()
    assert sources.standby is not None
    assert problem in sources.standby.problem
    assert (sources.standby.value is None) == bool(problem)
    assert asked == ["close"] * min(followers + 1, REPLICAS)
