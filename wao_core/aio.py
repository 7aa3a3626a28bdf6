"""Background tasks: named, supervised, and cancelled together.

No task ends unnoticed: one that should run until the server stops is logged and restarted when it ends, and
`BackgroundTasks.health` reports it until it runs again.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar, cast

from wao_predict.backoff import Backoff

log = logging.getLogger(__name__)

T = TypeVar("T")


AGAIN = 10.0
"""Seconds after which a task that still runs is cancelled again. What must be undone in any case uses `to_the_end`."""


async def cancel(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait until they have ended; their errors are dropped.

    A task that swallows the cancellation and goes on, such as one that runs a plug-in, is cancelled again.
    """
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=AGAIN)
    await asyncio.gather(*tasks, return_exceptions=True)


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of `work`, which is not cancelled with the caller: for what must be undone in any case.

    A cancellation, however often it comes, is raised when the work has ended. The work must limit its own time.
    """
    task, cancelled = asyncio.ensure_future(work), False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
        except Exception:
            break  # it is the error of the work, raised below
    if cancelled:
        raise asyncio.CancelledError
    return task.result()


async def in_daemon_thread(work: Callable[[], T]) -> T:
    """Return the result of `work`, done by a thread that does not delay the end of the process.

    `asyncio.to_thread` uses threads that the interpreter waits for: use this function for work that may take longer
    than a shutdown. The thread goes on after a cancellation, and its result is dropped.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def finish(result: T | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(cast(T, result))

    def run() -> None:
        result, problem = None, None
        try:
            result = work()
        except BaseException as error:  # raised again in the event loop
            problem = error
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(finish, result, problem)

    threading.Thread(target=run, name="worker", daemon=True).start()
    return await done


@dataclass(slots=True)
class _Supervised:
    """The state of one task that should run until the end."""

    problem: str = ""
    healthy_at: float = 0.0  # loop time from which on a restarted task counts as running again


class BackgroundTasks:
    """The background tasks of one server or component; use as `async with`.

    Leaving the `async with` cancels all tasks and waits for them.

    Parameters
    ----------
    backoff
        Makes the back-off of each supervised task.

    Examples
    --------
    >>> async def main():
    ...     async with BackgroundTasks() as tasks:
    ...         tasks.supervise("heartbeat", heartbeat)
    ...         checks.add_live("tasks", tasks.health)
    ...         await serve()
    """

    def __init__(self, *, backoff: Callable[[], Backoff] = lambda: Backoff(initial=1.0, maximum=60.0)) -> None:
        self._backoff = backoff
        self._tasks: set[asyncio.Task[None]] = set()
        self._supervised: dict[asyncio.Task[None], _Supervised] = {}

    async def __aenter__(self) -> BackgroundTasks:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def running(self) -> int:
        """Number of tasks that have not ended."""
        return len(self._tasks)

    async def close(self) -> None:
        """Cancel all tasks and wait until they have ended."""
        await cancel(*self._tasks)

    async def wait(self) -> None:
        """Wait until all tasks that run now have ended by themselves."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def supervise(self, name: str, work: Callable[[], Awaitable[object]]) -> asyncio.Task[None]:
        """Run `work` until it is cancelled, and again after a back-off whenever it returns or raises.

        Parameters
        ----------
        name
            For logs and health checks.
        """
        state = _Supervised()
        task = self._start(name, self._run(name, work, state))
        self._supervised[task] = state
        task.add_done_callback(self._supervised.pop)
        return task

    def spawn(self, name: str, work: Coroutine[Any, Any, object]) -> asyncio.Task[None]:
        """Run `work` once; an error is logged."""
        task = self._start(name, _logged(name, work))
        task.add_done_callback(lambda _: work.close())  # it has not started when the task is cancelled at once
        return task

    def health(self) -> str | None:
        """Return which supervised tasks are not running and why, or None when all are."""
        now = asyncio.get_running_loop().time()
        down = [each for each in self._supervised.items() if each[1].problem and now < each[1].healthy_at]
        return "; ".join(f"{task.get_name()}: {state.problem}" for task, state in down) or None

    def _start(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self, name: str, work: Callable[[], Awaitable[object]], state: _Supervised) -> None:
        backoff, loop, task = self._backoff(), asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        while True:
            error: BaseException | None = None
            try:
                await work()
            except (Exception, asyncio.CancelledError) as raised:
                error = raised
            if task.cancelling():  # otherwise the work awaited something that was cancelled
                if isinstance(error, Exception):
                    log.error("background task %s failed while it was cancelled", name, exc_info=error)
                raise asyncio.CancelledError
            state.problem = "ended without an error" if error is None else f"{type(error).__name__}: {error}"
            how = "ended" if error is None else "failed"
            log.error("background task %s %s; it is restarted", name, how, exc_info=error)
            if loop.time() > state.healthy_at > 0.0:
                backoff.reset()
            wait = backoff.next()
            state.healthy_at = float("inf")
            await asyncio.sleep(wait)
            state.healthy_at = loop.time() + wait  # a crash loop stays reported


async def _logged(name: str, work: Coroutine[Any, Any, object]) -> None:
    try:
        await work
    except Exception:
        log.exception("background task %s failed", name)
