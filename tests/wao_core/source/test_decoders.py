"""Decoders of custom resources, and keys of all resources."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wao_core.cluster.records import key_of
from wao_core.errors import ManifestError
from wao_core.kube.resources import RESOURCES
from wao_core.source.decoders import DECODERS, collection_of, decode_object

FAKE = {"type": "Fake", "endpoint": ""}
CONFIG = {"nodeName": "n", "predictor": {}, "metricsCollector": {"inletTemp": FAKE, "deltaP": FAKE}}
METRICS = {"timestamp": "2026-01-01T00:00:00Z", "usage": {"cpu": "1"}, "containers": [{"usage": {"cpu": "1"}}]}
SPECS: dict[str, dict[str, Any]] = {
    "NodeConfig": {"spec": CONFIG},
    "NodeConfigTemplate": {"spec": {"nodeSelector": {}, "template": {**CONFIG, "nodeName": None}}},
}


@pytest.mark.parametrize(
    ("spec", "field"), [(None, "spec"), ({"nodeName": "n", "predictor": {}}, "spec.metricsCollector")]
)
def test_what_is_wrong_is_named_by_its_field(spec: Any, field: str) -> None:
    with pytest.raises(ManifestError) as raised:
        decode_object("NodeConfig", {"metadata": {"name": "c"}, "spec": spec})
    assert raised.value.field == field


def test_every_resource_has_a_decoder() -> None:
    assert RESOURCES.keys() == DECODERS.keys()


@pytest.mark.parametrize("kind", sorted(RESOURCES))
def test_the_key_of_an_object_is_the_key_of_its_record(kind: str) -> None:
    resource = RESOURCES[kind]
    raw = {"metadata": {"name": "x", "namespace": "ns"}, **METRICS, **SPECS.get(kind, {})}
    record = DECODERS[kind].decode_json(json.dumps(raw).encode())
    assert collection_of(resource).key("ns" if resource.namespaced else "", "x") == key_of(record)
