"""Events cost the API server a write each: they are few, and warnings come before the others."""

from __future__ import annotations

from typing import Any, cast

import pytest

from wao_core.cluster.names import is_subdomain
from wao_core.cluster.source import ObjectRef
from wao_core.kube.client import KubeClient, KubeError
from wao_core.kube.events import EventRecorder


class Api:
    """Takes what the API server would be sent, or refuses it."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.refuses = False

    async def send(self, method: str, path: str, *, body: dict[str, Any]) -> bytes:
        assert (method, path) == ("POST", "/apis/events.k8s.io/v1/namespaces/default/events")
        if self.refuses:
            raise KubeError("no", status_code=403)
        self.sent.append(body)
        return b"{}"


class Site:
    """A recorder with the shipped rates, at a time that is only moved by the test."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.api = Api()
        self._recorder = EventRecorder(cast(KubeClient, self.api), "wao-test", clock=lambda: self.now)

    async def tell(self, name: str, *, warning: bool = False, message: str = "why") -> None:
        about = ObjectRef("Pod", name, "default", f"uid-{name}")
        await self._recorder.record(about, reason="Chosen", message=message, warning=warning)

    def reported(self) -> list[str]:
        return [event["regarding"]["name"] for event in self.api.sent]


@pytest.fixture
def site() -> Site:
    return Site()


async def test_an_event_says_of_what_it_is_and_why(site: Site) -> None:
    await site.tell("web", message="the least of 3")
    (event,) = site.api.sent
    assert event["regarding"] == {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": "web",
        "namespace": "default",
        "uid": "uid-web",
    }
    assert (event["type"], event["reason"], event["note"]) == ("Normal", "Chosen", "the least of 3")
    assert event["reportingController"] == "wao-test"


async def test_the_name_of_an_event_on_an_object_with_a_long_name_is_a_name(site: Site) -> None:
    await site.tell("a" * 219 + "-" + "b" * 30)
    (event,) = site.api.sent
    assert is_subdomain(event["metadata"]["name"])


async def test_a_burst_reports_25_events_and_then_one_a_second(site: Site) -> None:
    for number in range(100):
        await site.tell(f"p{number}")
    assert site.reported() == [f"p{number}" for number in range(25)]
    site.now += 1.0
    for number in range(100, 200):
        await site.tell(f"p{number}")
    assert site.reported()[25:] == ["p100"]


async def test_warnings_have_a_higher_limit(site: Site) -> None:
    for number in range(100):
        await site.tell(f"p{number}", warning=True)
    assert site.reported() == [f"p{number}" for number in range(25)]
    site.now += 1.0
    for number in range(100, 200):
        await site.tell(f"p{number}", warning=True)
    assert site.reported()[25:] == [f"p{number}" for number in range(100, 105)]


async def test_a_burst_leaves_room_for_warnings(site: Site) -> None:
    for number in range(100):
        await site.tell(f"p{number}")
    await site.tell("bad", warning=True)
    assert site.api.sent[-1]["type"] == "Warning"


async def test_the_same_event_is_reported_again_after_five_minutes(site: Site) -> None:
    for wait in (0.0, 299.0, 2.0):
        site.now += wait
        await site.tell("web")
    assert site.reported() == ["web", "web"]


async def test_a_choice_made_again_is_not_reported_again_but_another_warning_is(site: Site) -> None:
    for message in ("n1 adds 2 W", "n2 adds 1 W"):
        await site.tell("web", message=message)
        await site.tell("bad", message=message, warning=True)
    assert site.reported() == ["web", "bad", "bad"]


async def test_what_was_left_out_for_its_rate_is_reported_when_it_comes_again(site: Site) -> None:
    for number in range(30):
        await site.tell(f"p{number}")
    site.now += 1.0
    await site.tell("p29")
    assert site.reported()[-1] == "p29"


async def test_a_refusal_is_logged_and_raises_nothing(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.api.refuses = True
    await site.tell("web")
    assert "the event Chosen on Pod web was not recorded: no" in caplog.text
