"""Background tasks are supervised: none ends unnoticed."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import suppress

import pytest

from tests.waiting import until
from wao_core.aio import BackgroundTasks, cancel, in_daemon_thread, to_the_end
from wao_predict.backoff import Backoff


def at_once() -> Backoff:
    return Backoff(initial=0.0)


async def test_a_task_that_fails_is_logged_and_restarted(caplog: pytest.LogCaptureFixture) -> None:
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise ValueError("no good")
        await asyncio.Event().wait()

    async with BackgroundTasks(backoff=at_once) as tasks:
        tasks.supervise("work", work)
        await until(lambda: runs == 3)
        assert tasks.health() is None
    assert ["background task work failed; it is restarted"] * 2 == [
        record.getMessage() for record in caplog.records if record.levelno == logging.ERROR
    ]


async def test_health_names_a_task_that_ended_and_its_error() -> None:
    async def fails() -> None:
        raise ValueError("no good")

    async def returns() -> None:
        return None

    async with BackgroundTasks(backoff=lambda: Backoff(initial=3600.0, maximum=3600.0)) as tasks:
        tasks.supervise("first", fails)
        tasks.supervise("second", returns)
        await until(lambda: tasks.health() is not None and "second" in str(tasks.health()))
        assert "first: ValueError: no good; second: ended without an error" == tasks.health()


async def test_leaving_cancels_tasks_and_waits_for_them() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.set()

    async with BackgroundTasks() as tasks:
        tasks.supervise("work", work)
        await asyncio.sleep(0)
    assert ended.is_set()


async def test_an_error_of_a_single_task_is_logged_and_spoils_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> None:
        raise ValueError("no good")

    async with BackgroundTasks() as tasks:
        await tasks.spawn("once", fails())
        assert tasks.health() is None
    assert ["background task once failed"] == [record.getMessage() for record in caplog.records]


async def test_a_daemon_thread_returns_the_result_or_the_error_of_its_work() -> None:
    assert await in_daemon_thread(threading.current_thread) is not threading.main_thread()
    with pytest.raises(KeyError):
        await in_daemon_thread({}.popitem)


async def test_the_result_of_a_cancelled_daemon_thread_is_dropped() -> None:
    begun, released = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        released.wait()

    task = asyncio.create_task(in_daemon_thread(work))
    while not begun.is_set():
        await asyncio.sleep(0)
    await cancel(task)
    released.set()
    assert task.cancelled()


async def test_wait_returns_when_all_tasks_have_ended_by_themselves() -> None:
    ended: list[str] = []

    async def work(name: str) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        ended.append(name)

    tasks = BackgroundTasks()
    tasks.spawn("one", work("one"))
    tasks.spawn("two", work("two"))
    await tasks.wait()
    assert sorted(ended) == ["one", "two"]
    await tasks.wait()  # without tasks it returns at once


async def test_what_must_be_undone_is_done_although_the_caller_is_cancelled_twice() -> None:
    may_end, undone = asyncio.Event(), False

    async def undo() -> None:
        nonlocal undone
        await may_end.wait()
        undone = True

    caller = asyncio.create_task(to_the_end(undo()))
    for _ in range(2):
        await asyncio.sleep(0)
        caller.cancel()
    await asyncio.sleep(0)
    assert not caller.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert undone


async def test_without_a_cancellation_it_is_the_work_itself() -> None:
    async def fails() -> None:
        raise ValueError("no good")

    assert await to_the_end(asyncio.sleep(0, "done")) == "done"
    with pytest.raises(ValueError, match="no good"):
        await to_the_end(fails())


async def test_a_task_that_swallows_its_cancellation_is_cancelled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plug-in may catch more than its own errors; the process must end nevertheless."""
    monkeypatch.setattr("wao_core.aio.AGAIN", 0.01)
    swallowed = 0

    async def work() -> None:
        nonlocal swallowed
        while swallowed < 3:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await cancel(task)
    assert swallowed == 3


async def test_a_task_is_restarted_that_awaits_what_somebody_else_cancels() -> None:
    cancelled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    cancelled.cancel()
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        await (cancelled if runs < 3 else asyncio.Event().wait())

    async with BackgroundTasks(backoff=at_once) as tasks:
        tasks.supervise("work", work)
        await until(lambda: runs == 3)
        assert tasks.running == 1


async def test_a_task_whose_work_swallows_the_cancellation_ends_nevertheless() -> None:
    async def work() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    tasks = BackgroundTasks(backoff=at_once)
    tasks.supervise("work", work)
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await tasks.close()
    assert (tasks.running, tasks.health()) == (0, None)


async def test_tasks_of_the_same_name_are_supervised_each() -> None:
    async def fails() -> None:
        raise ValueError("no good")

    async with BackgroundTasks(backoff=lambda: Backoff(initial=3600.0, maximum=3600.0)) as tasks:
        first, second = (tasks.supervise("poll", fails) for _ in range(2))
        await until(lambda: tasks.health() == "poll: ValueError: no good; poll: ValueError: no good")
        await cancel(first)
        assert tasks.health() == "poll: ValueError: no good"
        await cancel(second)
        assert tasks.health() is None


async def test_an_error_while_a_task_is_cancelled_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    started = asyncio.Event()

    async def work() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("no good")

    async with BackgroundTasks() as tasks:
        tasks.supervise("unclean", work)
        await started.wait()
    assert ["background task unclean failed while it was cancelled"] == [each.getMessage() for each in caplog.records]
