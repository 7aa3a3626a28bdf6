"""Progress is read once from the cluster, and known only when it is written."""

from __future__ import annotations

from tests.fakes.statuses import StatusSource
from wao_core.cluster.records import NodeConfig
from wao_fleet.standby.progress import Phase, Progress
from wao_fleet.standby.progress_book import ProgressBook

NOW = 1_000_000.0
ASLEEP = Progress(phase=Phase.ASLEEP, since=NOW, reason="empty", wake_tested=True)


def config(uid: str = "1") -> NodeConfig:
    return NodeConfig(name="c", namespace="w", uid=uid, node_name="n1")


def book(source: StatusSource) -> ProgressBook:
    return ProgressBook(source, clock=lambda: 0.0, wall_clock=lambda: NOW)  # type: ignore[arg-type]


async def test_another_replica_finds_what_was_written() -> None:
    source = StatusSource()
    first = book(source)
    assert first.get(config()) is None
    assert await first.load(config())
    assert first.get(config()) == Progress()
    assert await first.write(config(), ASLEEP, None)
    second = book(source)
    await second.load(config())
    assert second.get(config()) == ASLEEP
    assert second.progress() == {"n1": ASLEEP}


async def test_what_cannot_be_read_is_unknown_and_what_cannot_be_written_is_not_taken() -> None:
    source = StatusSource()
    made = book(source)
    source.reads_fail = True
    assert not await made.load(config())
    source.reads_fail, source.writes_fail = False, True
    await made.load(config())
    assert not await made.write(config(), ASLEEP, None)
    assert made.get(config()) == Progress()


async def test_a_node_config_that_was_created_again_has_its_own_progress() -> None:
    source = StatusSource()
    made = book(source)
    await made.load(config())
    await made.write(config(), ASLEEP, None)
    assert made.get(config("2")) is None
    await made.load(config("2"))
    assert made.get(config("2")) == Progress()


async def test_a_new_leader_forgets_what_it_knew() -> None:
    source = StatusSource()
    made = book(source)
    await made.load(config())
    await made.write(config(), ASLEEP, None)
    made.forget()
    assert made.get(config()) is None


async def test_the_same_progress_is_written_once() -> None:
    source = StatusSource()
    made = book(source)
    await made.load(config())
    for _ in range(3):
        await made.write(config(), ASLEEP, None)
    assert source.patches == 1
