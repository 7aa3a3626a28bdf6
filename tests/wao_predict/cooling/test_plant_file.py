"""Plants in YAML: models, weather, set points and prices, with errors that name the field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wao_predict.cooling.groups import EVERY_OTHER
from wao_predict.cooling.models import ChillerAndFans, CoolingFactor, CopCurve
from wao_predict.cooling.plant import FAN, WATER
from wao_predict.cooling.plant_file import Measured, parse_plants, read_plants, with_weather
from wao_predict.cooling.published import TrainedPlant
from wao_predict.errors import FeatureError, UsageError

HOW = {"url": "https://prometheus.example.com", "query": "pue"}


def document(**plant: Any) -> dict[str, Any]:
    return {"plants": [{"type": "factor", "factor": 0.4} | plant if "type" not in plant else plant]}


@pytest.mark.parametrize(
    ("plant", "model"),
    [
        ({"type": "factor", "factor": 0.4}, CoolingFactor),
        ({"type": "pue", "pue": 1.4}, CoolingFactor),
        ({"type": "cop", "outdoor": {"temp": 20}}, CopCurve),
        ({"type": "cop", "curve": [[20, 5], [35, 3]], "outdoor": {"temp": 20}}, CopCurve),
        ({"type": "chiller", "rated_watts": 20000, "outdoor": {"temp": 20}}, ChillerAndFans),
        ({"type": "published", "units": 2, "outdoor": {"temp": 20, "humidity": 50}}, TrainedPlant),
    ],
    ids=["factor", "pue", "cop", "cop curve", "chiller", "published"],
)
def test_each_type_gives_its_model(plant: dict[str, Any], model: type) -> None:
    made = parse_plants(document(**plant)).cooling().plant_of("any")
    assert made is not None
    assert isinstance(made.model, model)


def test_a_file_has_groups_prices_and_what_is_minimized(tmp_path: Path) -> None:
    file = tmp_path / "plant.yaml"
    file.write_text(
        "minimize: price\nplants:\n- {group: a, type: factor, factor: 0.2, price: 0.3}\n- {type: pue, pue: 1.5}\n"
    )
    cooling = read_plants(file).cooling()
    assert cooling.minimize == "price"
    assert sorted(cooling.plants) == [EVERY_OTHER, "a"]
    assert cooling.plants["a"].price == 0.3
    assert cooling.plants[EVERY_OTHER].price is None


def test_a_measured_value_is_filled_in_and_a_missing_one_stays_unknown() -> None:
    file = parse_plants(document(type="pue", pue=HOW, price=HOW))
    assert file.measured() == {(0, "price"): Measured(**HOW), (0, "pue"): Measured(**HOW)}
    plant = file.cooling({(0, "pue"): 1.3}).plants[EVERY_OTHER]
    assert plant.price is None
    assert isinstance(plant.model, CoolingFactor)
    assert plant.model.factor == pytest.approx(0.3)
    with pytest.raises(UsageError, match=r"plant 1 \(\*\): the PUE is unknown"):
        file.cooling()


def test_weather_of_the_command_line_replaces_that_of_the_file() -> None:
    file = with_weather(parse_plants(document(type="cop", outdoor={"temp": 20})), 30.0, None)
    assert file.cooling().plants[EVERY_OTHER].state.outdoor_temp == 30.0


def test_set_points_are_those_of_the_file() -> None:
    weather = {"temp": 20, "humidity": 50}
    file = parse_plants(document(type="published", outdoor=weather, set_points={WATER: 20, FAN: 1200}))
    assert file.cooling().plants[EVERY_OTHER].state.set_points == {WATER: 20.0, FAN: 1200.0}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "no plants"),
        ({"plants": []}, "no plants"),
        ({"plants": [3]}, "plant 1: not a mapping"),
        (document(type="magic"), "type: 'magic'; there are factor, pue"),
        (document(factr=1), "no field factr"),
        (document(price="cheap"), "price: 'cheap' is not a number"),
        (document(outdoor={"rain": 1}), "outdoor: there are temp"),
        (document(outdoor={"temp": 99}), "outdoor_temp: 99 is not from -60 to 60"),
        (document(price={"url": "x"}), "price: a measured value needs url and query"),
        (document(price={"url": "x", "query": "y", "token": "z"}), "a measured value has url"),
        (document() | {"minimize": "noise"}, "minimize: energy"),
        ({"plants": [{"type": "factor", "factor": 1}] * 2}, "two plants for group"),
    ],
)
def test_a_wrong_field_is_named(given: dict[str, Any], says: str) -> None:
    with pytest.raises((UsageError, FeatureError), match=says):
        parse_plants(given)


@pytest.mark.parametrize(
    ("plant", "says"),
    [
        ({"type": "cop"}, "needs the outdoor temp"),
        ({"type": "published", "outdoor": {"temp": 20}}, "needs the outdoor humidity"),
        ({"type": "chiller", "outdoor": {"temp": 20}}, "rated_watts"),
        ({"type": "cop", "curve": [1, 2], "outdoor": {"temp": 20}}, "write pairs"),
        ({"type": "factor", "factor": 0.4, "set_points": {"fan_speed": 1000}}, "no set point 'fan_speed'"),
        (
            {"type": "chiller", "rated_watts": 1e4, "outdoor": {"temp": 2}, "set_points": {WATER: 99}},
            "99: give 3 to 32",
        ),
    ],
)
def test_a_plant_that_cannot_be_made_is_named_with_its_group(plant: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=rf"plant 1 \(\*\).*{says}"):
        parse_plants(document(**plant)).cooling()


def test_a_file_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "plant.yaml"
    file.write_text("{")
    with pytest.raises(UsageError, match=r"plant\.yaml cannot be read"):
        read_plants(file)
