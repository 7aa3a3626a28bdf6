"""Volumes and extended resources, read every few minutes."""

from __future__ import annotations

from tests.fakes.standby_bed import standby_bed
from wao_fleet.standby.slow_facts import EVERY, TOO_OLD, SlowFactsBook

VOLUME = {"metadata": {"name": "data-1"}, "spec": {"hostPath": {"path": "/data"}}}
AMOUNTS = {"cpu": "1", "pods": "110", "nvidia.com/gpu": "0", "hugepages-2Mi": "1Gi", "hugepages-1Gi": "0"}


async def test_volumes_and_extended_resources_by_node() -> None:
    """Huge pages are among them: a Pod that needs some starts no node that has none."""
    async with standby_bed() as bed:
        bed.api.volumes = [VOLUME]
        bed.api.nodes["n1"]["status"]["allocatable"] = AMOUNTS
        book = SlowFactsBook(bed.client, clock=lambda: bed.now)
        assert "not read yet" in book.doubt()
        await book.refresh()
        assert book.doubt() == ""
        assert [volume.name for volume in book.facts.volumes] == ["data-1"]
        assert book.facts.extended == {"n1": frozenset({"nvidia.com/gpu", "hugepages-2Mi"})}


async def test_a_failed_read_keeps_the_last_facts_until_they_are_too_old() -> None:
    async with standby_bed() as bed:
        bed.api.volumes = [VOLUME]
        book = SlowFactsBook(bed.client, clock=lambda: bed.now)
        await book.refresh()
        bed.api.broken.add("/api/v1/persistentvolumes")
        bed.now += EVERY
        await book.refresh()
        assert book.doubt() == ""
        assert [volume.name for volume in book.facts.volumes] == ["data-1"]
        bed.now += TOO_OLD
        assert "cannot be listed" in book.doubt()


async def test_a_volume_that_cannot_be_read_may_be_on_any_node() -> None:
    async with standby_bed() as bed:
        bed.api.volumes = [{"metadata": {"name": "data-1"}, "spec": {"nodeAffinity": "?"}}]
        book = SlowFactsBook(bed.client, clock=lambda: bed.now)
        await book.refresh()
        assert "PersistentVolume data-1 cannot be read" in book.doubt()
