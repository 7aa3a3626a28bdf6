"""The options of plants belong together."""

from __future__ import annotations

from pathlib import Path

import pytest

from wao_core.prediction.cooling_costs import PlantSource
from wao_core.serving.plant_options import PlantOptions


def test_a_file_and_a_label_are_the_plants(tmp_path: Path) -> None:
    file = tmp_path / "plant.yaml"
    file.touch()
    options = PlantOptions(cooling=file, cooling_label="example.com/room")
    assert options.problems() == []
    assert options.source() == PlantSource(file, "example.com/room")
    assert PlantOptions().source() is None
    assert PlantOptions().problems() == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (PlantOptions(cooling=Path("plant.yaml")), "give both or neither"),
        (PlantOptions(cooling_label="room"), "give both or neither"),
        (
            PlantOptions(cooling=Path("/none/plant.yaml"), cooling_label="room"),
            "--cooling /none/plant.yaml: no such file",
        ),
    ],
)
def test_half_of_them_or_a_missing_file_is_reported(options: PlantOptions, words: str) -> None:
    (problem,) = options.problems()
    assert words in problem
