"""The process of standby: its routes, its metrics, and the plan as JSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from prometheus_client import generate_latest

from tests.fakes.standby_bed import standby_bed
from tests.wao_fleet.standby.standby_cluster import EAGER, Cluster
from wao_core.aio import cancel
from wao_core.serving.frame import ServerFrame
from wao_fleet.standby.app import create_app
from wao_fleet.standby.controller import Policy
from wao_fleet.standby.metrics import StandbyMetrics
from wao_fleet.standby.sources import Sources


@asynccontextmanager
async def serving(*, act: bool) -> AsyncIterator[tuple[Cluster, httpx2.AsyncClient, ServerFrame]]:
    async with standby_bed() as bed:
        cluster = Cluster(bed, Policy(act=act, settings=EAGER))
        await cluster.tested()
        frame = ServerFrame("standby")
        sources = Sources(
            cluster.controller,
            bed.book,
            bed.sequences,
            lambda names: dict.fromkeys(names, 90.0),
            lambda: True,
            lambda names: dict.fromkeys(names, 85.0),
        )
        frame.registry.register(StandbyMetrics(sources))
        transport = httpx2.ASGITransport(app=create_app(sources, frame, acting=act))
        async with httpx2.AsyncClient(transport=transport, base_url="https://server") as client:
            yield cluster, client, frame


async def plan_of(client: httpx2.AsyncClient) -> Any:
    return (await client.get("/v1/standby")).json()


async def test_before_the_first_decision_and_without_the_lease_there_is_no_plan() -> None:
    async with serving(act=False) as (cluster, client, _):
        early = await client.get("/v1/standby")
        assert (early.status_code, "there is no decision yet" in early.json()["error"]) == (503, True)
        leading = asyncio.create_task(cluster.controller.run())
        while cluster.plan is None:
            await asyncio.sleep(0)
        assert (await client.get("/v1/standby")).status_code == 200
        await cancel(leading)
        assert (await client.get("/v1/standby")).status_code == 503


async def test_the_plan_says_what_would_be_done_and_why() -> None:
    async with serving(act=False) as (cluster, client, _):
        await cluster.rounds(6)
        plan = await plan_of(client)
        assert (plan["mode"], plan["mayStop"], plan["doubt"], plan["killSwitch"]) == ("recommend", True, "", False)
        (node,) = plan["nodes"]
        expected = {"node": "n1", "state": "on", "candidate": True, "action": "stop", "why": "empty for 1 min"}
        assert {name: node[name] for name in expected} == expected
        assert (node["phase"], node["power"], node["since"]) == ("Running", "On", "1970-01-01T00:00:01.000000Z")
        assert (node["wakeTested"], node["saved"], plan["saved"]) == (True, None, 0.0)


async def test_the_plan_shows_what_a_sleeping_node_saves() -> None:
    async with serving(act=True) as (cluster, client, _):
        await cluster.rounds(8)
        cluster.bed.heartbeat(1, ready=False)
        await cluster.rounds(2)
        plan = await plan_of(client)
        (node,) = plan["nodes"]
        assert (node["phase"], node["power"], node["state"]) == ("Asleep", "Off", "off")
        assert (node["saved"], node["measuredSaved"]) == (90.0, 85.0)
        assert (plan["saved"], plan["measuredSaved"]) == (90.0, 85.0)


async def test_the_plan_names_the_doubt_and_the_kill_switch() -> None:
    async with serving(act=True) as (cluster, client, _):
        cluster.bed.api.broken.add("/api/v1/persistentvolumes")
        await cluster.rounds()
        assert "cannot be listed" in (await plan_of(client))["doubt"]
        cluster.bed.api.config_maps["wao-standby"] = {"kind": "ConfigMap", "data": {"stop": "true"}}
        await cluster.rounds()
        assert "kill switch is on" in (await plan_of(client))["doubt"]


async def test_metrics_show_phases_savings_and_counts() -> None:
    async with serving(act=True) as (cluster, client, frame):
        await cluster.rounds(8)
        cluster.bed.heartbeat(1, ready=False)
        await cluster.rounds(2)
        value = frame.registry.get_sample_value
        assert value("wao_standby_nodes", {"phase": "Asleep"}) == 1.0
        assert value("wao_standby_nodes", {"phase": "Running"}) == 0.0
        assert value("wao_standby_saved_watts", {"node": "n1"}) == 90.0
        assert value("wao_standby_measured_saved_watts", {"node": "n1"}) == 85.0
        assert value("wao_standby_stops_total") == 1.0
        assert value("wao_standby_may_stop") == 1.0
        assert value("wao_standby_leading") == 1.0
        assert b"wao_standby_pod_wait_seconds_total" in generate_latest(frame.registry)
        assert (await client.get("/metrics")).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/metrics", "/openapi.json"])
async def test_the_routes_of_every_server(path: str) -> None:
    async with serving(act=False) as (_, client, _):
        assert (await client.get(path)).status_code in (200, 500, 503)
