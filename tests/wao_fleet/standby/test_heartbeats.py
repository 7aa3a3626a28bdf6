"""The heartbeat of one Node, read from the API server."""

from __future__ import annotations

import pytest

from tests.fakes.standby_bed import standby_bed
from wao_core.kube.client import KubeError
from wao_fleet.standby.heartbeats import read_heartbeat


async def test_the_ready_condition_and_its_time() -> None:
    async with standby_bed() as bed:
        bed.heartbeat(5)
        assert await read_heartbeat(bed.client, "n1") == (True, "2026-11-29T10:00:05Z")
        bed.heartbeat(5, ready=False)
        assert (await read_heartbeat(bed.client, "n1"))[0] is False


async def test_a_node_that_is_gone_or_never_reported_is_not_ready() -> None:
    async with standby_bed() as bed:
        assert await read_heartbeat(bed.client, "n2") == (False, "")
        bed.api.nodes["n1"]["status"] = {"conditions": None}
        assert await read_heartbeat(bed.client, "n1") == (False, "")


async def test_a_failure_is_not_a_node_that_is_not_ready() -> None:
    async with standby_bed() as bed:
        bed.api.broken.add("/api/v1/nodes/n1")
        with pytest.raises(KubeError):
            await read_heartbeat(bed.client, "n1")
