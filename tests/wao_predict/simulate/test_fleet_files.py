"""Fleets as groups of equal nodes in YAML."""

from __future__ import annotations

from pathlib import Path

import pytest

from wao_predict import FeatureError, UsageError
from wao_predict.simulate.fleet_files import read_groups


def groups(folder: Path, text: str) -> Path:
    path = folder / "fleet.yaml"
    path.write_text(text)
    return path


def test_a_group_is_so_many_equal_nodes(tmp_path: Path) -> None:
    text = """
groups:
  - {name: rack1, model: edge_lenovo, count: 2, cores: 32, inlet_temp: 28, delta_p: 2.7, usage: 1.5}
  - {model: cloud_dell, cores: 64, inlet_temp: 21, delta_p: 11}
"""
    fleet = read_groups(groups(tmp_path, text))
    assert fleet.names == ("rack1-1", "rack1-2", "cloud_dell-1")
    assert fleet.capacity_cores.tolist() == [32.0, 32.0, 64.0]
    assert fleet.usage_cores.tolist() == [1.5, 1.5, 0.0]
    assert fleet.watts()[0] == fleet.watts()[1] != fleet.watts()[2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "has no groups"),
        ("groups: []", "has no groups"),
        ("groups: [7]", "group 1: not a mapping"),
        ("groups: [{count: 1, cores: 1}]", "group 1, model: give the name"),
        ("groups: [{model: cloud_dell, count: 0, cores: 1}]", "count: 0 is not a number of nodes"),
        ("groups: [{model: cloud_dell, count: true, cores: 1}]", "count: True is not"),
        ("groups: [{model: cloud_dell}]", "cores: None is not a number"),
        ("groups: [{model: cloud_dell, cores: many}]", "cores: 'many' is not a number"),
        ("groups: [{model: cloud_dell, cores: 1, tempreature: 2}]", "no field tempreature; there are name, model"),
        ("groups: [{model: cloud_dell, cores: 1, count: 1000000}]", "more than 100,000 nodes"),
        ("groups: [", "cannot be read"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises((UsageError, FeatureError), match=words):
        read_groups(groups(tmp_path, text))


def test_groups_may_have_rooms(tmp_path: Path) -> None:
    text = """
groups:
  - {name: edge, model: "curve:0=60 100=120", count: 2, cores: 8, room: a}
  - {name: other, model: "curve:0=60 100=120", cores: 8}
"""
    assert read_groups(groups(tmp_path, text)).group_names == ("a", "a", "")
