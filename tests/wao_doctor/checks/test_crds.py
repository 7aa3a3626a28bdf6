"""Check `crds`."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.fakes.healthy_cluster import condition, crd, found_by, healthy, kinds_of, outcome_of
from wao_doctor.checks.crds import fields_of
from wao_doctor.wire import Crd

CONFIGS, TEMPLATES = "nodeconfigs.node.waok8s.github.io", "nodeconfigtemplates.node.waok8s.github.io"


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Crd]:
    raw = copy.deepcopy(msgspec.to_builtins(crd(CONFIGS)))
    change(raw)
    return {CONFIGS: msgspec.convert(raw, Crd), TEMPLATES: crd(TEMPLATES)}


def spec(raw: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = raw["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    return found


def test_definitions_of_this_release_are_fine() -> None:
    outcome = outcome_of("crds", healthy())
    assert (outcome.summary, list(outcome.findings)) == ("2 custom resources, version v1beta1 is served", [])


def test_a_definition_may_be_missing() -> None:
    (found,) = found_by("crds", crds={CONFIGS: crd(CONFIGS), TEMPLATES: None})
    assert (found.kind, found.subject) == ("crd-missing", TEMPLATES)


def test_fields_that_an_older_definition_lacks_are_named_without_those_below_them() -> None:
    (found,) = found_by("crds", crds=changed(lambda raw: spec(raw).pop("standby")))
    assert (found.kind, found.evidence) == ("crd-older", "missing: spec.standby")


def test_a_field_within_a_list_is_noticed() -> None:
    def drop(raw: dict[str, Any]) -> None:
        terms = spec(raw)["predictor"]["properties"]["powerConsumption"]["properties"]
        del terms["points"]["items"]["properties"]["watts"]

    (found,) = found_by("crds", crds=changed(drop))
    assert found.evidence == "missing: spec.predictor.powerConsumption.points[].watts"


def test_a_newer_definition_is_a_note() -> None:
    assert kinds_of("crds", crds=changed(lambda raw: spec(raw).update(more={"type": "string"}))) == ["crd-newer"]


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw["spec"]["versions"][0].update(served=False),
        lambda raw: raw["spec"].update(versions=None),
        lambda raw: raw.update(status={"conditions": [condition("Established", "False", message="names conflict")]}),
        lambda raw: raw.update(status={}),
    ],
)
def test_a_version_that_is_not_served_is_an_error(change: Callable[[dict[str, Any]], object]) -> None:
    assert kinds_of("crds", crds=changed(change)) == ["crd-not-served"]


def test_paths_of_fields_include_those_in_lists_and_maps() -> None:
    schema = {
        "properties": {
            "a": {"items": {"properties": {"b": {}}}},
            "c": {"additionalProperties": {"properties": {"d": {}}}},
            "e": {"additionalProperties": True},
        }
    }
    assert list(fields_of(schema)) == ["a", "a[].b", "c", "c[].d", "e"]
