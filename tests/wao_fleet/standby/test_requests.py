"""Requests of people: once each, and refused with the reason."""

from __future__ import annotations

import pytest

from wao_core.cluster.records import NodeConfig
from wao_fleet.standby.progress import Phase, Progress
from wao_fleet.standby.requests import REQUEST, Request, refusal_of, request_of
from wao_fleet.standby.sequence import Wish


def config(text: str) -> NodeConfig:
    return NodeConfig(name="c", namespace="w", node_name="n", annotations={REQUEST: text})


def test_a_request_is_handled_once() -> None:
    assert request_of(config("test 1"), Progress()) == Request(Wish.TEST, "test 1")
    assert request_of(config("test 1"), Progress(request="test 1")) is None
    assert request_of(config("test 2"), Progress(request="test 1")) == Request(Wish.TEST, "test 2")


@pytest.mark.parametrize("text", ["", "explode 1", "Wake"])
def test_what_is_no_request_is_ignored(text: str) -> None:
    assert request_of(config(text), Progress()) is None


@pytest.mark.parametrize(
    ("wish", "progress", "why_not", "refusal"),
    [
        (Wish.WAKE, Progress(phase=Phase.ASLEEP), "it is not Ready", ""),
        (Wish.WAKE, Progress(phase=Phase.FAILED), "", ""),
        (Wish.WAKE, Progress(), "", "it is running"),
        (Wish.SLEEP, Progress(wake_tested=True), "", ""),
        (Wish.SLEEP, Progress(), "", "never been tested"),
        (Wish.TEST, Progress(), "", ""),
        (Wish.TEST, Progress(), "a PersistentVolume is on it", "a PersistentVolume is on it"),
        (Wish.TEST, Progress(phase=Phase.ASLEEP), "", "not running: Asleep"),
    ],
)
def test_refusals(wish: Wish, progress: Progress, why_not: str, refusal: str) -> None:
    found = refusal_of(Request(wish, "x"), progress, why_not)
    assert refusal in found
    assert bool(found) is bool(refusal)
