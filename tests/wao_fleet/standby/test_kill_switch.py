"""The kill switch: any value but "false" stops standby, and an unknown switch forbids to switch off."""

from __future__ import annotations

import pytest

from tests.fakes.standby_bed import standby_bed
from wao_fleet.standby.kill_switch import NAME, KillSwitch, path_of


@pytest.mark.parametrize(
    ("data", "stopped"),
    [({"stop": "true"}, True), ({"stop": ""}, True), ({"stop": "False"}, False), ({}, False), (None, False)],
)
async def test_the_config_map_decides(data: dict[str, str] | None, stopped: bool) -> None:
    async with standby_bed() as bed:
        switch = KillSwitch(bed.client, "wao-system")
        bed.api.config_maps[NAME] = {"kind": "ConfigMap", "data": data}
        await switch.refresh()
        assert (switch.stopped, switch.doubt) == (stopped, "")


async def test_no_config_map_is_no_stop() -> None:
    async with standby_bed() as bed:
        switch = KillSwitch(bed.client, "wao-system")
        assert switch.doubt
        await switch.refresh()
        assert (switch.stopped, switch.doubt) == (False, "")


async def test_a_switch_that_cannot_be_read_keeps_its_position() -> None:
    async with standby_bed() as bed:
        switch = KillSwitch(bed.client, "wao-system")
        bed.api.config_maps[NAME] = {"kind": "ConfigMap", "data": {"stop": "true"}}
        await switch.refresh()
        bed.api.broken.add(path_of("wao-system"))
        await switch.refresh()
        assert switch.stopped
        assert "cannot be read" in switch.doubt
