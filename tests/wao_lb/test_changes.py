"""Long polls: who is woken by which change."""

from __future__ import annotations

import asyncio

import pytest

from tests.waiting import until
from wao_lb.changes import ANY, Changes


async def waiting(changes: Changes, key: str, *, timeout: float = 30.0) -> asyncio.Task[None]:
    """Return a reader that waits for the next change of a key."""
    version = changes.version
    task = asyncio.create_task(changes.wait(key, lambda: changes.version != version, timeout))
    await until(lambda: key in changes.waiting)
    return task


@pytest.mark.parametrize("key", ["default/web", ANY])
async def test_a_change_wakes_the_readers_of_its_key_and_of_any(key: str) -> None:
    changes = Changes()
    readers = [await waiting(changes, key) for _ in range(3)]
    changes.announce(["default/web"])
    async with asyncio.timeout(5):
        await asyncio.gather(*readers)
    assert changes.waiting == set()


async def test_a_change_of_another_key_wakes_nobody() -> None:
    changes = Changes()
    reader = await waiting(changes, "default/web")
    changes.announce(["default/api"])
    await asyncio.sleep(0)
    assert not reader.done()
    changes.end()
    await reader


async def test_a_reader_whose_change_happened_before_does_not_wait() -> None:
    await Changes().wait("default/web", lambda: True, 30.0)


async def test_a_change_that_is_not_the_wanted_one_lets_the_reader_wait_on() -> None:
    changes, wanted = Changes(), False
    reader = asyncio.create_task(changes.wait("default/web", lambda: wanted, 30.0))
    for _ in range(2):
        await until(lambda: changes.waiting)
        changes.announce(["default/web"])
    await until(lambda: changes.waiting)
    wanted = True
    changes.announce(["default/web"])
    async with asyncio.timeout(5):
        await reader


async def test_a_reader_waits_no_longer_than_it_wants() -> None:
    changes = Changes()
    async with asyncio.timeout(5):
        await changes.wait("default/web", lambda: False, 0.01)


async def test_at_the_end_all_readers_are_woken_and_none_waits_any_more() -> None:
    changes = Changes()
    readers = [await waiting(changes, key) for key in ("a", "b", ANY)]
    changes.end()
    async with asyncio.timeout(5):
        await asyncio.gather(*readers)
        await changes.wait("a", lambda: False, 30.0)


def test_the_version_changes_with_every_change_and_differs_between_processes() -> None:
    changes, other = Changes(), Changes()
    first = changes.version
    changes.announce([])
    assert changes.version == first
    changes.announce(["a"])
    assert changes.version != first
    assert other.version != first
