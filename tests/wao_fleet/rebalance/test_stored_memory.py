"""The memory in its ConfigMap."""

from __future__ import annotations

from tests.fakes.fleet_api import FleetApi, serving_fleet
from wao_core.kube.client import KubeClient
from wao_fleet.rebalance.memory import Memory
from wao_fleet.rebalance.stored_memory import StoredMemory


async def test_it_is_written_when_it_changed_and_read_again() -> None:
    api, memory, again = FleetApi(), Memory(), Memory()
    async with serving_fleet(api) as client:
        stored = StoredMemory(client, "wao-system", memory)
        assert await stored.load()
        memory.moved("w", 5.0)
        await stored.save()
        first = api.config_maps["wao-rebalance"]
        await stored.save()
        assert api.config_maps["wao-rebalance"] is first, "nothing changed"
        await StoredMemory(client, "wao-system", again).load()
    assert again == memory


async def test_a_document_of_somebody_else_is_an_empty_memory() -> None:
    api, memory = FleetApi(), Memory()
    api.config_maps["wao-rebalance"] = {"kind": "ConfigMap", "data": {"memory.json": "{"}}
    memory.moved("w", 5.0)
    async with serving_fleet(api) as client:
        await StoredMemory(client, "wao-system", memory).load()
    assert memory == Memory()


async def test_without_an_api_server_it_is_not_read_and_not_written() -> None:
    from kubernetes.aio.client import Configuration

    client, memory = KubeClient(Configuration(host="http://127.0.0.1:9")), Memory()
    stored = StoredMemory(client, "wao-system", memory)
    assert not await stored.load()
    memory.moved("w", 5.0)
    await stored.save()  # logged
    await client.close()
