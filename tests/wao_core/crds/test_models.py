"""The custom resources: the committed YAML, the reference's schema, and manifests of the reference."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from tests.fakes.nodeconfigs import NOT_NAMES, OURS, REFERENCES, REFUSED, TEMPLATED, with_term
from wao_core.crds import models as crd
from wao_core.crds.rules import TERM_RULES, TLS_RULES
from wao_core.crds.yaml_files import FOLDER, RESOURCES, definition, rendered
from wao_core.errors import ManifestError
from wao_core.source.decoders import decode_object

TERM = {"type": "string!", "endpoint": "string!", "basicAuthSecret.name": "string", "fetchInterval": "string"}
"""Fields of the reference's EndpointTerm; "!" marks a required one."""
COLLECTOR = {
    f"metricsCollector!.{metric}.{path}": kind for metric in ("inletTemp", "deltaP") for path, kind in TERM.items()
}
PREDICTOR = {
    f"predictor!.{name}.{path}": kind
    for name in ("powerConsumption", "powerConsumptionEndpointProvider")
    for path, kind in TERM.items()
}
REFERENCE = {"nodeName": "string!", **COLLECTOR, **PREDICTOR}


def spec_of(kind: str) -> dict[str, Any]:
    resource = next(item for item in RESOURCES if item.kind == kind)
    schema = definition(resource)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    found: dict[str, Any] = schema["properties"]["spec"]
    return found


def at(schema: Mapping[str, Any], path: str) -> tuple[Mapping[str, Any], bool]:
    """Return the schema at a path, and whether its last step is required; checks the required steps on the way."""
    required = False
    for step in path.split("."):
        name = step.rstrip("!")
        required = name in schema.get("required", ())
        if step.endswith("!"):
            assert required, f"{path}: {name} must be required"
        schema = schema["properties"][name]
    return schema, required


@pytest.mark.parametrize("path", REFERENCE)
@pytest.mark.parametrize("kind", ["NodeConfig", "NodeConfigTemplate"])
def test_every_field_of_the_reference_is_there_with_its_type(kind: str, path: str) -> None:
    schema = spec_of(kind)
    if kind == "NodeConfigTemplate":
        schema = schema["properties"]["template"]
    found, required = at(schema, path)
    wanted = REFERENCE[path]
    assert found["type"] == wanted.rstrip("!")
    if path == "nodeName" and kind == "NodeConfigTemplate":
        assert not required  # the reference's own sample leaves it out, and its CRD refuses that
    else:
        assert required is wanted.endswith("!")
    assert "enum" not in found
    assert ("pattern" in found) is path.endswith("basicAuthSecret.name")


def test_nothing_of_ours_is_required() -> None:
    """Every manifest of the reference stays valid. Only the items of a list of our own have required fields."""
    for path, schema in walk(spec_of("NodeConfig")):
        known = {step.rstrip("!") for full in REFERENCE for step in full.split(".")}
        own = {"cpuUsage", "watts"} if path.endswith(".points[]") else set()
        assert set(schema.get("required", ())) <= known | own, path


def test_the_selector_is_the_apis() -> None:
    selector = spec_of("NodeConfigTemplate")["properties"]["nodeSelector"]
    assert selector["x-kubernetes-map-type"] == "atomic"
    assert selector["properties"]["matchLabels"]["additionalProperties"] == {"type": "string"}
    expressions = selector["properties"]["matchExpressions"]
    assert expressions["x-kubernetes-list-type"] == "atomic"
    assert expressions["items"]["required"] == ["key", "operator"]
    assert expressions["items"]["properties"]["values"]["x-kubernetes-list-type"] == "atomic"


def walk(schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield path, schema
    for name, item in schema.get("properties", {}).items():
        yield from walk(item, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from walk(schema[key], f"{path}[]")


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda item: item.kind)
def test_the_schemas_are_structural(resource: Any) -> None:
    schema = definition(resource)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for path, item in walk(schema):
        assert "type" in item or item.get("x-kubernetes-int-or-string") is True, path
        for word in ("$ref", "anyOf", "oneOf", "allOf", "nullable", "title"):
            assert word not in item, path


def test_the_committed_yaml_equals_a_fresh_one() -> None:
    for name, text in rendered().items():
        assert (FOLDER / name).read_text() == text, "run python -m wao_core.crds.yaml_files"


@pytest.mark.parametrize("spec", REFERENCES + OURS, ids=lambda spec: spec["nodeName"])
def test_manifests_of_the_reference_and_our_own_are_valid(spec: dict[str, Any]) -> None:
    assert crd.NodeConfigSpec.model_validate(spec)
    record = decode_object("NodeConfig", {"metadata": {"name": "x"}, "spec": spec})
    assert record.name == "x"


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


@pytest.mark.parametrize("name", ["{{ .Labels.x }}", "../{{x}}/..", "a" * 254], ids=len)
def test_a_secrets_name_in_a_node_config_is_no_template(name: str) -> None:
    spec = with_term({"basicAuthSecret": {"name": name}})
    with pytest.raises(ManifestError, match=r"basicAuthSecret\.name.*not the name of a Secret"):
        decode_object("NodeConfig", {"metadata": {"name": "x"}, "spec": spec})


def test_the_namespace_of_a_node_config_is_a_name() -> None:
    with pytest.raises(ManifestError, match="not the name of a namespace"):
        decode_object("NodeConfig", {"metadata": {"name": "x", "namespace": "../wao-system"}, "spec": REFERENCES[0]})


@pytest.mark.parametrize("fields", TEMPLATED, ids=str)
def test_templates_are_not_judged_by_what_they_are_not_yet(fields: dict[str, Any]) -> None:
    assert crd.NodeConfigTemplateBody.model_validate(with_term(fields))


def test_rules_name_only_fields_of_our_own() -> None:
    """And the type, so that nothing that the reference takes is refused."""
    own = set("value query options points sensor tls uri name caBundle fingerprint insecureSkipVerify".split())
    for path, schema in walk(spec_of("NodeConfig")):
        for rule in schema.get("x-kubernetes-validations", ()):
            assert set(re.findall(r"self\.(\w+)", rule["rule"])) <= own | {"type"}, path


@pytest.mark.parametrize("kind", ["NodeConfig", "NodeConfigTemplate"])
def test_rules_stand_at_every_term(kind: str) -> None:
    schema = spec_of(kind) if kind == "NodeConfig" else spec_of(kind)["properties"]["template"]
    for path in ("metricsCollector.inletTemp", "metricsCollector.powerWatts", "predictor.powerConsumption"):
        term, _ = at(schema, path)
        assert len(TERM_RULES) == len(term["x-kubernetes-validations"])
        assert len(TLS_RULES) == len(term["properties"]["tls"]["x-kubernetes-validations"])


def test_options_are_texts_or_integers() -> None:
    values: tuple[object, ...] = (1.5, True, {})
    for value in values:
        with pytest.raises(ValueError, match="options"):
            crd.NodeConfigSpec.model_validate(with_term({"options": {"maxBatchSize": value}}))


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"endpoint": "http://[" + "//a" * 300_000}, "endpoint"), ({"type": "x" * 1_000_000}, "type")],
    ids=["endpoint", "type"],
)
def test_a_huge_text_is_refused_with_its_field(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(ManifestError, match=rf"{field}.*is the limit"):
        decode_object("NodeConfig", {"metadata": {"name": "x"}, "spec": with_term(fields)})
