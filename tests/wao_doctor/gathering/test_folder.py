"""Facts of a folder: its manifests, and one reading of each sensor and model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from wao_doctor.facts import Facts, Missing
from wao_doctor.gathering.folder import FolderFacts

NODE = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}, "status": {"capacity": {"cpu": "8"}}}


def config(name: str, inlet: Mapping[str, object], model: Mapping[str, object]) -> dict[str, object]:
    return {
        "apiVersion": "node.waok8s.github.io/v1beta1",
        "kind": "NodeConfig",
        "metadata": {"name": name, "namespace": "wao-bmc"},
        "spec": {
            "nodeName": name,
            "metricsCollector": {"inletTemp": inlet, "deltaP": {"type": "Fake", "endpoint": "", "value": 5}},
            "predictor": {"powerConsumption": model},
        },
    }


async def gathered(folder: Path, *documents: object) -> Facts:
    (folder / "fleet.yaml").write_text(yaml.safe_dump_all(documents))
    return await FolderFacts(folder, 20.0).gather(["node_configs"])


def condition(facts: Facts, kind: str) -> tuple[str, str, str]:
    assert not isinstance(facts.node_configs, Missing)
    (found,) = facts.node_configs.objects
    held = found.status.condition(kind)
    assert held is not None
    return held.status, held.reason or "", held.message or ""


async def test_sensors_are_read_and_power_is_predicted(tmp_path: Path) -> None:
    inlet = {"type": "Fake", "endpoint": "", "value": 21}
    facts = await gathered(tmp_path, NODE, config("n1", inlet, {"type": "Onnx", "endpoint": "edge_lenovo"}))
    assert condition(facts, "Collecting")[:2] == ("True", "AllFresh")
    assert condition(facts, "Predicting")[:2] == ("True", "Predicted")
    assert not isinstance(facts.samples, Missing)
    assert set(facts.samples["inlet_temp"]) == {"n1"}


async def test_a_sensor_or_a_model_that_fails_has_its_reason(tmp_path: Path) -> None:
    inlet = {"type": "DifferentialPressureAPI", "endpoint": "http://127.0.0.1:1", "fetchInterval": "1s"}
    facts = await gathered(tmp_path, NODE, config("n1", inlet, {"type": "Onnx", "endpoint": "no_such_model"}))
    assert condition(facts, "Collecting")[1] == "SomeMetrics"
    assert condition(facts, "Predicting")[1] == "NoCurve"
    assert "no_such_model" in condition(facts, "Predicting")[2]


async def test_a_manifest_that_is_refused_is_a_problem(tmp_path: Path) -> None:
    facts = await gathered(tmp_path, NODE, {"kind": "NodeConfig", "metadata": {"name": "x"}})
    assert not isinstance(facts.problems, Missing)
    assert len(facts.problems) == 1
    assert "fleet.yaml" in f"{facts.problems[0].where} {facts.problems[0].reason}"
