"""Filter and prioritize over HTTP: what is answered, counted, and written as an Event."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import numpy as np
import pytest
from prometheus_client import generate_latest

from tests.fakes.extender import Extender, args
from tests.fakes.snapshots import snapshot
from tests.fakes.sources import FakeSource
from tests.fakes.workloads import spread_state
from wao_core.cluster.source import ObjectRef
from wao_core.cluster.state import ClusterState
from wao_core.serving.frame import ServerFrame
from wao_scheduler.app import create_app
from wao_scheduler.config import parse_settings
from wao_scheduler.decision_engine import DecisionEngine
from wao_scheduler.decisions import DecisionLog
from wao_scheduler.metrics import ExtenderMetrics
from wao_scheduler.verbs import MOST_TASKS, ExtenderState


@pytest.mark.parametrize("path", ["/prioritize", "/default/prioritize"])
async def test_prioritize_answers_ordinal_scores_with_a_length(extender: Extender, path: str) -> None:
    answer = await extender.post(path, args("a", "b"))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.json() == [{"Host": "a", "Score": 9}, {"Host": "b", "Score": 10}]


async def test_each_profile_decides_by_its_own_rule_under_its_own_prefix() -> None:
    """On a, the first pod is expensive and later ones are cheap."""
    extender = Extender(profiles={"default": {}, "greedy": {"rule": "marginal"}})
    watts = np.array([[100.0, 180.0, 200.0], [100.0, 160.0, 220.0]])
    extender.engine.update(snapshot(["a", "b"], watts=watts, knots=np.array([0.0, 50.0, 100.0])))
    for number, (path, best) in enumerate({"/default/prioritize": "a", "/greedy/prioritize": "b"}.items()):
        scores = (await extender.post(path, args("a", "b", name=f"p{number}"))).json()
        assert max(scores, key=lambda item: item["Score"])["Host"] == best
        extender.engine.assumed_pods.choose(f"uid-p{number}", "elsewhere", 1.0)


async def test_a_node_beyond_a_limit_is_unresolvable_so_that_nobody_is_evicted_for_it() -> None:
    extender = Extender(profiles={"default": {"inletTempCeiling": 35}})
    extender.engine.update(snapshot(["a", "b"], inlet_temp=[35.0, 30.0]))
    document = (await extender.post("/filter", args("a", "b"))).json()
    assert document["NodeNames"] == ["b"]
    assert list(document["FailedAndUnresolvableNodes"]) == ["a"]
    assert document["FailedNodes"] == {}


async def test_filter_passes_all_without_reason_to_refuse(extender: Extender) -> None:
    document = (await extender.post("/filter", args("a", "b"))).json()
    assert document["NodeNames"] == ["a", "b"]
    assert document["FailedAndUnresolvableNodes"] == {}


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/prioritize", b"nonsense", 400, "not an ExtenderArgs"),
        ("/nope/prioritize", args("a"), 404, "no profile 'nope'; there are: default"),
        ("/filter", b"{}", 400, "has no Pod"),
    ],
)
async def test_a_bad_request_says_what_is_wrong(
    extender: Extender, path: str, body: Any, status: int, words: str
) -> None:
    answer = await extender.post(path, body)
    assert answer.status_code == status
    assert words in answer.text


async def test_before_the_first_snapshot_it_is_not_ready_to_score() -> None:
    answer = await Extender().post("/prioritize", args("a"))
    assert answer.status_code == 503
    assert "not complete yet" in answer.text


async def test_a_body_beyond_the_bound_is_refused(extender: Extender) -> None:
    answer = await extender.client.post("/prioritize", content=b"{}", headers={"content-length": str(10**9)})
    assert answer.status_code == 413


async def test_the_reason_is_reported_as_an_event(extender: Extender) -> None:
    await extender.post("/prioritize", args("a", "b"))
    (event,) = extender.source.events
    assert event[0] == ObjectRef("Pod", "p", "default", "uid-p")
    assert "b adds 10.0 W by rule lookahead, the least of 2 candidates" in event[2]


async def test_a_choice_that_power_did_not_make_is_reported_as_such(extender: Extender) -> None:
    extender.engine.update(snapshot(["a", "b"], usage=[9.5, 9.8]))
    await extender.post("/prioritize", args("a", "b"))
    await extender.post("/prioritize", args("ghost", "shade", name="q"))
    full, unmeasured = (message for _, _, message, _ in extender.source.events)
    assert full == "no measured node of 2 candidates has room for 1 cores: a is the least loaded"
    assert unmeasured.startswith("none of 2 candidates is measured: power decided nothing")


async def test_where_one_node_is_left_its_filter_answer_is_the_decision(extender: Extender) -> None:
    """kube-scheduler takes the node then, and does not ask to prioritize."""
    await extender.post("/filter", args("a"))
    document = (await extender.client.get("/v1/decisions", params={"pod": "default/p"})).json()
    assert (document["chosen"], document["candidates"]) == ("a", 1)


async def test_pods_of_others_are_passed_through_in_silence() -> None:
    extender = Extender(profiles={"default": {"schedulerNames": ["wao-scheduler"]}})
    extender.engine.update(snapshot(["a", "b"]))
    await extender.post("/filter", args("a"))
    await extender.post("/prioritize", args("a", "b"))
    assert not extender.source.events
    assert "wao_extender_fallback_total{" not in generate_latest(extender.registry).decode()


async def test_without_minimize_power_the_scores_are_left_to_kube_scheduler_and_limits_hold() -> None:
    extender = Extender(profiles={"default": {"minimizePower": False, "inletTempCeiling": 35}})
    extender.engine.update(snapshot(["a", "b", "c"], slopes=[2.0, 1.0, 1.0], inlet_temp=[30.0, 30.0, 35.0]))
    assert (await extender.post("/filter", args("a", "b", "c"))).json()["NodeNames"] == ["a", "b"]
    assert {item["Score"] for item in (await extender.post("/prioritize", args("a", "b"))).json()} == {0}
    assert not extender.source.events
    document = (await extender.client.get("/v1/decisions", params={"pod": "default/p"})).json()
    assert (document["chosen"], document["outcome"]) == (None, "not_ours")


async def test_without_minimize_power_replicas_of_a_burst_still_spread() -> None:
    extender = Extender(spread_state(), profiles={"default": {"minimizePower": False}})
    extender.engine.update(snapshot(["a", "b", "c"]))
    owners = [{"kind": "ReplicaSet", "name": "web-1", "uid": "rs", "controller": True}]
    chosen = []
    for name in ("p", "q"):
        left = (await extender.post("/filter", args("a", "b", "c", name=name, ownerReferences=owners))).json()
        replica = args(*left["NodeNames"], name=name, ownerReferences=owners)
        chosen += [item["Host"] for item in (await extender.post("/prioritize", replica)).json()]
    assert len(set(chosen)) == len(chosen) == 2


async def test_events_can_be_switched_off() -> None:
    extender = Extender(events=False)
    extender.engine.update(snapshot(["a", "b"]))
    await extender.post("/prioritize", args("a", "b"))
    assert not extender.source.events


async def test_a_bad_annotation_is_a_warning_event() -> None:
    extender = Extender(spread_state(rate="often"))
    owners = [{"kind": "ReplicaSet", "name": "web-1", "uid": "rs", "controller": True}]
    await extender.post("/filter", args("a", "b", ownerReferences=owners))
    (event,) = extender.source.events
    assert event[0].kind == "Deployment"
    assert event[3]
    assert "write a number from 0 to 1" in event[2]


@pytest.mark.parametrize("metadata", [{"name": "invented"}, {"name": "p", "uid": "of-another-pod"}])
async def test_no_event_is_written_about_a_pod_that_the_cluster_does_not_have(metadata: dict[str, Any]) -> None:
    extender = Extender(spread_state(rate="often"))
    extender.engine.update(snapshot(["a", "b"]))
    owners = [{"kind": "ReplicaSet", "name": "web-1", "uid": "rs", "controller": True}]
    await extender.post("/filter", args("a", "b", ownerReferences=owners, **metadata))
    await extender.post("/prioritize", args("a", "b", **metadata))
    assert not extender.source.events


async def test_requests_are_counted(extender: Extender) -> None:
    await extender.post("/prioritize", args("a", "b"))
    await extender.post("/prioritize", args("ghost", name="q"))
    text = generate_latest(extender.registry).decode()
    assert 'wao_extender_requests_total{code="200",profile="default",verb="prioritize"} 2.0' in text
    assert 'wao_extender_fallback_total{reason="no_node_known"} 1.0' in text


@pytest.mark.parametrize("path", ["/filter", "/prioritize", "/default/filter"])
async def test_a_verb_is_asked_by_post_only(extender: Extender, path: str) -> None:
    answer = await extender.client.get(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["/nothing", "/a/b/filter", "/v1/filter/x", "/default//filter"])
async def test_a_path_that_is_none_of_ours_is_not_found(extender: Extender, path: str) -> None:
    assert (await extender.post(path, args("a"))).status_code == 404


class Broken(DecisionEngine):
    """An engine with a fault."""

    def filter(self, *_: Any) -> Any:
        raise ZeroDivisionError


async def test_a_fault_of_ours_is_answered_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    source, frame = FakeSource(ClusterState()), ServerFrame("scheduler")
    app = create_app(Broken(source.state, parse_settings({})), source, frame)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://extender") as client:
        answer = await client.post("/filter", json=args("a"))
    assert answer.status_code == 500
    assert answer.json()["Error"].startswith("internal error")
    assert "ZeroDivisionError" in caplog.text
    assert 'code="500"' in generate_latest(frame.registry).decode()


async def test_a_scheduler_that_hangs_up_in_the_middle_of_its_request_is_not_answered(extender: Extender) -> None:
    parts = iter([{"type": "http.request", "body": b'{"Pod":', "more_body": True}, {"type": "http.disconnect"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(parts)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/prioritize", "query_string": b"", "headers": []}
    await extender.app(scope, receive, send)
    assert sent == []
    assert (await extender.client.get("/v1/decisions")).json() == {"decisions": []}


class Slow(FakeSource):
    """A source whose Events are never sent."""

    async def event(self, about: ObjectRef, *, reason: str, message: str, warning: bool = False) -> None:
        await asyncio.Event().wait()


async def test_events_that_cannot_be_sent_do_not_pile_up() -> None:
    source, frame = Slow(ClusterState()), ServerFrame("scheduler")
    state = ExtenderState(
        DecisionEngine(source.state, parse_settings({})),
        source,
        ExtenderMetrics(frame.registry),
        DecisionLog(),
        frame.tasks,
    )
    async with frame.tasks:
        for number in range(2 * MOST_TASKS):
            state.send_event(ObjectRef("Pod", f"p{number}", "default", ""), reason="R", message="m", warning=False)
        assert MOST_TASKS == frame.tasks.running
    assert 0 == frame.tasks.running
