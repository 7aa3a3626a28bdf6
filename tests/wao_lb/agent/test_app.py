"""Health of a node as load balancers and kubelet ask for it."""

from __future__ import annotations

import httpx2

from tests.fakes.agent_bench import Bench
from wao_core.cluster.records import Kind, Node, Taint
from wao_core.serving.frame import ServerFrame
from wao_lb.agent.app import create_app
from wao_lb.agent.sync import SyncIntervals
from wao_lb.agent.this_node import TO_BE_DELETED


def asking(bench: Bench) -> httpx2.AsyncClient:
    app = create_app(bench.syncer, lambda: "equal: no-answer", ServerFrame("lb-agent"))
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://node")


async def test_a_node_about_to_be_deleted_is_alive_and_takes_no_traffic() -> None:
    bench = Bench()
    async with asking(bench) as client:
        assert 200 == (await client.get("/healthz")).status_code
        bench.state.put(Kind.NODE, Node(name="node-1", taints=(Taint(TO_BE_DELETED),)))
        answer = await client.get("/healthz")
        assert (503, False) == (answer.status_code, answer.json()["nodeEligible"])
        assert answer.json()["reason"] == "the Node is about to be deleted"
        assert 200 == (await client.get("/livez")).status_code
        bench.state.remove(Kind.NODE, "node-1")
        assert 503 == (await client.get("/healthz")).status_code


async def test_a_wrong_name_of_the_node_is_unhealthy_with_the_remedy_and_alive() -> None:
    bench = Bench()
    bench.confirm()
    async with asking(bench) as client:
        answer = await client.get("/healthz")
        assert (503, False, True) == (answer.status_code, answer.json()["nodeEligible"], answer.json()["healthy"])
        assert "--node-name" in answer.json()["reason"]
        assert 200 == (await client.get("/livez")).status_code
        bench.state.put(Kind.NODE, Node(name="node-1"))
        assert 200 == (await client.get("/healthz")).status_code


async def test_a_change_that_does_not_reach_the_kernel_is_unhealthy_and_weights_that_lapsed_are_only_reported() -> None:
    bench = Bench(intervals=SyncIntervals(unhealthy_after=-1.0))
    async with asking(bench) as client:
        answer = await client.get("/healthz")
        assert (200, "equal: no-answer") == (answer.status_code, answer.json()["weights"])
        bench.syncer.note_change()
        assert [503, 503] == [(await client.get(path)).status_code for path in ("/healthz", "/livez")]
