"""The rebalancer over HTTP, and what the command prints of it."""

from __future__ import annotations

import httpx2
import pytest

from tests.fakes.rebalance_site import RebalanceSite, auto
from wao_core.serving.frame import ServerFrame
from wao_fleet.rebalance.app import create_app
from wao_fleet.rebalance.cli import show_plan


async def test_the_plan_and_what_was_done_are_served(capsys: pytest.CaptureFixture[str]) -> None:
    site = RebalanceSite({"a": 1, "b": 5, "c": 1})
    (pod,) = site.on("a")
    site.keep("c")
    async with site.rebalancer(auto()) as rebalancer:
        transport = httpx2.ASGITransport(create_app(rebalancer, ServerFrame("rebalance")))
        async with httpx2.AsyncClient(transport=transport, base_url="http://rebalance") as http:
            early = await http.get("/v1/plan")
            assert (early.status_code, "there is no plan yet" in early.json()["error"]) == (503, True)
            plan = await rebalancer.make_plan()
            assert plan is not None
            document = (await http.get("/v1/plan")).json()
            assert (document["mode"], document["leading"]) == ("auto", False)
            assert document["saved"] == pytest.approx(document["wattsBefore"] - document["wattsAfter"])
            (drain,) = document["drains"]
            assert (drain["node"], drain["empties"], drain["moves"][0]["pod"]) == ("a", True, pod.key)
            assert "evictable" in document["kept"]["c"]
            site.leads = True
            await rebalancer.act(plan)
            after = (await http.get("/v1/plan")).json()
            assert after["leading"]
            assert [(past["node"], past["result"]) for past in after["history"]] == [("a", "completed")]
            assert (await http.get("/v1/evictions", params={"pod": pod.key})).json()["node"] == "a"
            assert len((await http.get("/v1/evictions")).json()["evictions"]) == 1
            assert (await http.get("/v1/evictions", params={"pod": "n/x"})).status_code == 404
    show_plan(after)
    printed = capsys.readouterr().out
    assert "auto: Pods may move now" in printed
    assert pod.key in printed
    assert "completed" in printed
