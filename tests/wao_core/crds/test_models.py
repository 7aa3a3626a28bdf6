"""The custom resources: the committed YAML, the reference's schema, and manifests of the reference."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.nodeconfigs import OURS, REFERENCES, with_term
from tests.fakes.schemas import at, spec_of, walk
from wao_core.crds import models as crd
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
        own |= {"macAddress"} if path == ".standby.wakeOnLan" else set()
        assert set(schema.get("required", ())) <= known | own, path


def test_the_selector_is_the_apis() -> None:
    selector = spec_of("NodeConfigTemplate")["properties"]["nodeSelector"]
    assert selector["x-kubernetes-map-type"] == "atomic"
    assert selector["properties"]["matchLabels"]["additionalProperties"] == {"type": "string"}
    expressions = selector["properties"]["matchExpressions"]
    assert expressions["x-kubernetes-list-type"] == "atomic"
    assert expressions["items"]["required"] == ["key", "operator"]
    assert expressions["items"]["properties"]["values"]["x-kubernetes-list-type"] == "atomic"


@pytest.mark.parametrize("spec", REFERENCES + OURS, ids=lambda spec: spec["nodeName"])
def test_manifests_of_the_reference_and_our_own_are_valid(spec: dict[str, Any]) -> None:
    assert crd.NodeConfigSpec.model_validate(spec)
    record = decode_object("NodeConfig", {"metadata": {"name": "x"}, "spec": spec})
    assert record.name == "x"


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
