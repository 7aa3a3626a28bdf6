"""Checks of fields, the same in CEL and in Python."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from tests.fakes.nodeconfigs import (
    NOT_NAMES,
    REFUSED,
    STANDBY_REFUSED,
    STANDBY_TAKEN,
    TEMPLATED,
    with_standby,
    with_term,
)
from tests.fakes.schemas import at, spec_of, walk
from wao_core.crds import models as crd
from wao_core.crds.rules import TERM_RULES, TLS_RULES


@pytest.mark.parametrize(("fields", "message"), REFUSED, ids=[message[:30] for _, message in REFUSED])
def test_what_cannot_be_meant_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        crd.NodeConfigSpec.model_validate(with_term(fields))


@pytest.mark.parametrize("name", NOT_NAMES, ids=repr)
def test_a_secrets_name_is_a_name(name: str) -> None:
    spec = with_term({"basicAuthSecret": {"name": name}})
    for model in (crd.NodeConfigSpec, crd.NodeConfigTemplateBody):
        with pytest.raises(ValidationError, match="should match pattern"):
            model.model_validate(spec)


def test_the_mode_of_a_calibration_is_a_known_one() -> None:
    spec = with_term({})
    for mode in ("Off", "Shadow", "Apply"):
        assert crd.NodeConfigSpec.model_validate({**spec, "predictor": {"calibration": {"mode": mode}}})
    with pytest.raises(ValidationError, match="mode must be one of Off, Shadow, Apply"):
        crd.NodeConfigSpec.model_validate({**spec, "predictor": {"calibration": {"mode": "On"}}})


@pytest.mark.parametrize("fields", TEMPLATED, ids=str)
def test_templates_are_not_judged_by_what_they_are_not_yet(fields: dict[str, Any]) -> None:
    assert crd.NodeConfigTemplateBody.model_validate(with_term(fields))


def test_rules_name_only_fields_of_our_own() -> None:
    """And the type, so that nothing that the reference takes is refused."""
    own = set("value query options points sensor tls uri name caBundle fingerprint insecureSkipVerify".split())
    for path, schema in walk(spec_of("NodeConfig")):
        for rule in schema.get("x-kubernetes-validations", ()):
            if path.startswith((".standby", ".predictor.calibration")) or rule["rule"].startswith(
                "!has(self.standby) || "
            ):
                continue
            assert set(re.findall(r"self\.(\w+)", rule["rule"])) <= own | {"type"}, path


@pytest.mark.parametrize(("fields", "message"), STANDBY_REFUSED, ids=[message[:30] for _, message in STANDBY_REFUSED])
def test_what_cannot_switch_a_server_is_refused(fields: dict[str, Any], message: str) -> None:
    for model in (crd.NodeConfigSpec, crd.NodeConfigTemplateBody):
        with pytest.raises(ValidationError, match=message):
            model.model_validate(with_standby(fields))


@pytest.mark.parametrize("fields", STANDBY_TAKEN, ids=str)
def test_ways_to_switch_a_server_are_taken(fields: dict[str, Any]) -> None:
    for model in (crd.NodeConfigSpec, crd.NodeConfigTemplateBody):
        assert model.model_validate(with_standby(fields))


@pytest.mark.parametrize("kind", ["NodeConfig", "NodeConfigTemplate"])
def test_every_term_has_its_rules(kind: str) -> None:
    schema = spec_of(kind) if kind == "NodeConfig" else spec_of(kind)["properties"]["template"]
    for path in ("metricsCollector.inletTemp", "metricsCollector.powerWatts", "predictor.powerConsumption"):
        term, _ = at(schema, path)
        assert len(TERM_RULES) == len(term["x-kubernetes-validations"])
        assert len(TLS_RULES) == len(term["properties"]["tls"]["x-kubernetes-validations"])
