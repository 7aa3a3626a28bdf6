"""What the commands read and write."""

from __future__ import annotations

import pytest

from tests.fakes.nodeconfigs import with_standby
from tests.fakes.standby_bed import standby_bed
from wao_core.conditions import Condition
from wao_fleet.standby.commands import read_states, request, set_stop
from wao_fleet.standby.kill_switch import KillSwitch
from wao_fleet.standby.requests import REQUEST
from wao_predict.errors import UsageError


def node_config(name: str, node: str, *, standby: bool = True) -> dict[str, object]:
    spec = {**with_standby({"method": "DryRun"}), "nodeName": node}
    if not standby:
        del spec["standby"]
    return {
        "apiVersion": "node.waok8s.github.io/v1beta1",
        "kind": "NodeConfig",
        "metadata": {"name": name, "namespace": "wao-bmc"},
        "spec": spec,
    }


async def test_the_states_are_those_of_the_statuses() -> None:
    async with standby_bed() as bed:
        asleep = node_config("b", "n2")
        tested = Condition("WakeTested", "True", "Started").to_wire()
        standby = {"phase": "Asleep", "powerState": "Off", "reason": "empty", "since": "2026-11-29T10:00:00Z"}
        asleep["status"] = {"standby": standby, "conditions": [tested]}
        bed.api.node_configs = {"b": asleep, "a": node_config("a", "n1"), "c": node_config("c", "n3", standby=False)}
        first, second = await read_states(bed.client)
        assert (first["node"], first["phase"], first["power"], first["tested"]) == ("n1", "Running", "Unknown", "no")
        assert (second["node"], second["phase"], second["power"], second["tested"]) == ("n2", "Asleep", "Off", "yes")
        assert (second["since"], second["reason"], second["failed"]) == ("2026-11-29T10:00:00Z", "empty", "-")


async def test_a_request_is_an_annotation_that_differs_each_time() -> None:
    async with standby_bed() as bed:
        bed.api.node_configs = {"a": node_config("a", "n1")}
        said = await request(bed.client, "n1", "test")
        first = bed.api.node_configs["a"]["metadata"]["annotations"][REQUEST]
        await request(bed.client, "n1", "test")
        assert first.startswith("test 20")
        assert bed.api.node_configs["a"]["metadata"]["annotations"][REQUEST] != first
        assert "kubectl get events" in said


async def test_a_node_that_standby_does_not_know_is_refused_with_the_remedy() -> None:
    async with standby_bed() as bed:
        bed.api.node_configs = {"a": node_config("a", "n1", standby=False)}
        with pytest.raises(UsageError, match=r"its NodeConfig has no standby: set spec\.standby"):
            await request(bed.client, "n1", "sleep")
        with pytest.raises(UsageError, match="it has no NodeConfig"):
            await request(bed.client, "n9", "sleep")


async def test_everything_is_stopped_and_resumed() -> None:
    async with standby_bed() as bed:
        switch = KillSwitch(bed.client, "wao-system")
        for stop in (True, False):
            await set_stop(bed.client, "wao-system", stop=stop)
            await switch.refresh()
            assert switch.stopped is stop
