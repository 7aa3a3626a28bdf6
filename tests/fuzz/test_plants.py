"""Plant files of any form are used, or refused in one line."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.json_texts import VALUES
from wao_predict.cooling.plant_file import parse_plants, read_plants
from wao_predict.errors import UsageError, WaoPredictError

WORDS = """group type outdoor temp humidity set_points chilled_water_temp fan_speed price carbon pue factor curve
rated_cop rated_watts units file supply_air url query ca_file minimize plants efficiency""".split()
TYPES = st.sampled_from(["factor", "pue", "cop", "chiller", "published", "other"])
NUMBERS = st.floats(-1e6, 1e6) | st.sampled_from([0, 0.5, 1.5, 20, 1e4])
INNER: st.SearchStrategy[Any] = VALUES | NUMBERS | st.dictionaries(st.sampled_from(WORDS), VALUES | NUMBERS, max_size=4)
PLANTS = st.dictionaries(st.sampled_from(WORDS), INNER | st.lists(NUMBERS | VALUES, max_size=3), max_size=6)
TYPED = st.builds(lambda plant, kind: plant | {"type": kind}, PLANTS, TYPES)


@given(st.builds(lambda plants: {"plants": plants}, st.lists(TYPED | VALUES, max_size=3)) | PLANTS)
def test_any_plants_are_used_or_refused(document: Any) -> None:
    with suppress(WaoPredictError):
        file = parse_plants(document)
        file.usable({})
        file.cooling()


TEXTS = ["[" * 100_000, "a: !!python/object/apply:os.system [id]", "\x00", "--- 1\n--- 2", "\xe9"]


@pytest.mark.parametrize("text", TEXTS)
def test_a_plant_file_that_is_no_plain_yaml_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plant.yaml"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match=r"plant\.yaml"):
        read_plants(path)
