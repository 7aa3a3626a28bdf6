"""values.yaml and its schema agree, and hold the defaults of the manifests."""

from __future__ import annotations

import json

import yaml

from release.chart.defaults import default_values
from release.chart.values import Values
from release.chart.values_file import values_schema, values_yaml


def test_the_file_has_the_values_of_the_manifests() -> None:
    values = default_values()
    assert Values.model_validate(yaml.safe_load(values_yaml(values))) == values


def test_each_field_is_described_once() -> None:
    text = values_yaml(default_values())
    comments = [line.strip() for line in text.splitlines() if line.strip().startswith("#")]
    assert len(comments) == len(set(comments))


def test_no_value_is_required_and_unknown_names_are_refused() -> None:
    schema = json.loads(values_schema())
    for part in (schema, *schema["$defs"].values()):
        assert "required" not in part
        assert part["additionalProperties"] is False
