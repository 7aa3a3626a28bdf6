"""Writes of a status: read first, dated, retried after a back-off, and remembered by uid."""

from __future__ import annotations

import operator

import pytest

from tests.fakes.statuses import StatusSource
from wao_core.cluster.records import NodeConfig
from wao_core.conditions import Condition
from wao_core.crds.status_writer import Status, StatusWriter, WriteResult
from wao_predict.backoff import Backoff

NOW = 1_795_464_940.0  # 2026-11-23T20:15:40Z


class Bed:
    """A writer of NodeConfigs, its source and its clock."""

    def __init__(self) -> None:
        self.source = StatusSource()
        self.now = 0.0
        self.restart()

    def restart(self) -> None:
        """Begin with a new writer."""
        self.writer = StatusWriter(
            self.source,  # type: ignore[arg-type]
            "NodeConfig",
            operator.ne,
            clock=lambda: self.now,
            backoff=lambda: Backoff(initial=1.0, maximum=4.0, draw=lambda: 1.0),
        )

    async def write(self, status: Status, *, uid: str = "1", refresh: bool = False) -> WriteResult:
        return await self.writer.write(config(uid), status, NOW + self.now, refresh=refresh)

    def times(self) -> list[str]:
        return [status["conditions"][0]["lastTransitionTime"] for _, status in self.source.written]


@pytest.fixture
def bed() -> Bed:
    return Bed()


def config(uid: str) -> NodeConfig:
    return NodeConfig(name="n", namespace="w", uid=uid, node_name="n")


def ready(status: str = "True", message: str = "") -> Status:
    return Status((Condition("Ready", status, "Reason", message, 1),), {"nodes": 3})


async def test_a_status_that_the_cluster_has_already_is_not_written(bed: Bed) -> None:
    assert await bed.write(ready()) is WriteResult.WRITTEN
    bed.restart()
    assert await bed.write(ready()) is WriteResult.UNCHANGED
    (_, wire) = bed.source.written[0]
    assert wire["nodes"] == 3


async def test_the_transition_time_is_that_of_the_status_in_the_cluster(bed: Bed) -> None:
    await bed.write(ready())
    bed.restart()
    bed.now = 60.0
    await bed.write(ready(message="other"))
    await bed.write(ready("False"))
    assert bed.times() == ["2026-11-23T20:15:40Z", "2026-11-23T20:15:40Z", "2026-11-23T20:16:40Z"]


async def test_a_refresh_writes_the_same_again_without_a_read(bed: Bed) -> None:
    await bed.write(ready())
    bed.source.reads_fail = True
    bed.now = 60.0
    assert await bed.write(ready(), refresh=True) is WriteResult.WRITTEN
    assert bed.times() == ["2026-11-23T20:15:40Z"] * 2


@pytest.mark.parametrize("fails", ["reads_fail", "writes_fail"])
async def test_retries_are_rarer_after_each_failure(bed: Bed, fails: str) -> None:
    setattr(bed.source, fails, True)
    waits = []
    for _ in range(4):
        assert await bed.write(ready()) is WriteResult.FAILED
        assert await bed.write(ready()) is WriteResult.WAITING
        waits.append(bed.writer.retry_in() or 0.0)
        bed.now += waits[-1]
    assert waits == [1.0, 2.0, 4.0, 4.0]
    setattr(bed.source, fails, False)
    assert await bed.write(ready()) is WriteResult.WRITTEN
    assert bed.writer.retry_in() is None


async def test_a_status_is_unknown_after_a_failure_because_the_request_may_have_been_executed(bed: Bed) -> None:
    await bed.write(ready())
    bed.source.writes_fail = True
    await bed.write(ready("False"))
    assert bed.writer.written(config("1")) is None


async def test_an_object_that_is_created_again_has_a_status_of_its_own(bed: Bed) -> None:
    await bed.write(ready())
    bed.now = 60.0
    assert bed.writer.written(config("2")) is None
    assert await bed.write(ready(), uid="2") is WriteResult.WRITTEN
    assert bed.times() == ["2026-11-23T20:15:40Z", "2026-11-23T20:16:40Z"]


async def test_objects_that_are_gone_are_forgotten_with_their_retries(bed: Bed) -> None:
    await bed.write(ready())
    bed.source.writes_fail = True
    await bed.write(ready(), uid="2")
    assert bed.writer.keep([config("1"), config("3")]) == [config("3")]  # which was never written
    assert bed.writer.written(config("1")) is not None
    assert bed.writer.keep([config("3")]) == [config("3")]
    assert bed.writer.written(config("1")) is None
    assert bed.writer.retry_in() is None


async def test_everything_is_forgotten_when_another_replica_may_have_written(bed: Bed) -> None:
    await bed.write(ready())
    bed.writer.forget()
    assert bed.writer.written(config("1")) is None


async def test_conditions_of_other_writers_are_no_reason_to_write(bed: Bed) -> None:
    """`wao standby` writes its own conditions to the same NodeConfig."""
    await bed.write(ready())
    (about, wire) = bed.source.written[0]
    asleep = {"type": "Asleep", "status": "False", "reason": "Running"}
    await bed.source.patch_status(about, {"conditions": [asleep, *wire["conditions"]]})
    bed.restart()
    assert await bed.write(ready()) is WriteResult.UNCHANGED
