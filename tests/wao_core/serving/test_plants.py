"""Plants in a server: a warning, a metric, and a task that ends with the server."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.fakes.rooms import PLANTS, ROOM, rooms
from tests.fakes.snapshots import snapshot
from wao_core.prediction.cooling_costs import PlantSource
from wao_core.serving.frame import ServerFrame
from wao_core.serving.plants import costing


async def test_what_a_watt_costs_in_each_group_is_a_metric(tmp_path: Path) -> None:
    file, frame = tmp_path / "plant.yaml", ServerFrame("scheduler")
    file.write_text(yaml.safe_dump(PLANTS))
    async with costing(PlantSource(file, ROOM), frame) as costs:
        assert costs is not None
        costs.factors(snapshot(["a", "b"]), rooms(a="warm").nodes)
        found = {group: frame.registry.get_sample_value("wao_cost_factor", {"group": group}) for group in ("warm", "*")}
        assert frame.checks.warnings() == {"cooling": "nodes without a plant count without cooling"}
        assert frame.tasks.running == 1
    assert found == pytest.approx({"warm": 1.6, "*": 1.0})
    assert frame.tasks.running == 0


async def test_without_a_plant_file_there_is_nothing_to_count() -> None:
    frame = ServerFrame("scheduler")
    async with costing(None, frame) as costs:
        assert costs is None
    assert frame.tasks.running == 0
