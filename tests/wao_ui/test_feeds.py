"""Feeds keep the last good answer, and say why there is no newer one."""

from __future__ import annotations

import msgspec
import pytest
from pydantic import BaseModel

from wao_core.errors import SourceError
from wao_predict.connection import TlsPolicy
from wao_ui.feeds import Api, Feed, problem_text, value_of


async def test_the_last_good_answer_stays_with_its_time_and_the_problem() -> None:
    answers: list[int | Exception] = [1, SourceError("it is away"), 2]
    times = iter([10.0, 30.0])

    async def read() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    feed = Feed("source", "https://source", read, clock=lambda: next(times))
    assert (feed.value, feed.read_at, feed.problem) == (None, None, "it has not been read yet")
    await feed.refresh()
    assert (feed.value, feed.read_at, feed.problem) == (1, 10.0, "")
    await feed.refresh()
    assert (feed.value, feed.read_at, feed.problem) == (1, 10.0, "it is away")
    await feed.refresh()
    assert (value_of(feed), feed.read_at, feed.problem) == (2, 30.0, "")


class _Document(BaseModel):
    pod: str


def test_a_malformed_answer_is_a_problem_that_names_the_field() -> None:
    with pytest.raises(ValueError) as wrong:
        _Document.model_validate_json("{}")
    assert problem_text(wrong.value) == "its answer cannot be read: pod: Field required"
    with pytest.raises(msgspec.DecodeError) as broken:
        msgspec.json.decode(b"{", type=dict)
    assert problem_text(broken.value).startswith("its answer cannot be read")


def test_an_answer_that_is_nested_too_deeply_is_no_defect(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises((RecursionError, msgspec.DecodeError)) as deep:
        msgspec.json.decode(b"[" * 100_000, type=list[object])
    assert problem_text(deep.value).startswith("its answer cannot be read")
    assert caplog.messages == []


def test_an_unexpected_error_does_not_show_its_text() -> None:
    assert "secret" not in problem_text(RuntimeError("secret"))


async def test_a_server_that_is_not_there_has_no_value_and_one_that_is_down_keeps_it() -> None:
    installed = False

    async def read() -> int:
        if not installed:
            raise SourceError("cannot connect")
        return 1

    async def exists() -> bool:
        return installed

    feed = Feed("standby", "https://wao-standby", read, exists=exists)
    await feed.refresh()
    assert (feed.absent, feed.value) == (True, None)
    assert "not installed" in feed.problem
    installed = True
    await feed.refresh()
    assert (feed.absent, feed.value, feed.problem) == (False, 1, "")
    installed = False
    await feed.refresh()
    assert (feed.absent, feed.value) == (True, None)


async def test_a_host_with_an_address_exists_although_nothing_listens() -> None:
    api = Api("http://127.0.0.1:9", TlsPolicy())
    assert await api.exists()
    await api.close()
