"""BMCs, pressure APIs and model servers that hang, lie and never stop talking: they harm their own node only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.wrong_servers import ANSWERS, WrongServers
from tests.faults.processes import THOROUGH, ServerProcess, report, running, seconds_until, tracebacks
from wao_demo.bmcs import EXAMPLES, FORMS
from wao_predict.redfish.mock import Faults, MockBmc, load_documents

pytestmark = pytest.mark.timeout(300)
FRESH = 20.0
"""Seconds after which a healthy sensor is read, and one that was ill is read again after its back-off."""
VALUES = "/apis/custom.metrics.k8s.io/v1beta2/nodes/*/inlet_temp"
SENSORS = ("Redfish", "DifferentialPressureAPI", "Prometheus")


def mock_bmc() -> MockBmc:
    form = FORMS["cloud_dell"]
    documents = load_documents(EXAMPLES / form.file)
    return MockBmc(documents, inlet=form.inlet, temperature=lambda: 21.5, faults=Faults())


def node_config(name: str, url: str, sensor: str, model: Mapping[str, str]) -> list[dict[str, Any]]:
    read = {"type": sensor, "endpoint": url, "fetchInterval": "1s"}
    if sensor == "Prometheus":
        read["query"] = "up"
    pressure = {"type": "Fake", "endpoint": "", "value": 7.5}
    collector = {"inletTemp": read, "deltaP": pressure}
    if sensor == "DifferentialPressureAPI":
        collector = {"inletTemp": {"type": "Fake", "endpoint": "", "value": 20.0}, "deltaP": read}
    spec = {"nodeName": name, "metricsCollector": collector, "predictor": {"powerConsumption": dict(model)}}
    version = "node.waok8s.github.io/v1beta1"
    config = {"apiVersion": version, "kind": "NodeConfig", "metadata": {"name": name, "namespace": "w"}, "spec": spec}
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": {"capacity": {"cpu": "8"}}}
    usage = {
        "apiVersion": "metrics.k8s.io/v1beta1",
        "kind": "NodeMetrics",
        "metadata": {"name": name},
        "window": "15s",
        "usage": {"cpu": "1"},
    }
    return [config, node, usage]


@pytest.fixture(scope="module")
def bmcs() -> tuple[MockBmc, MockBmc]:
    return mock_bmc(), mock_bmc()


@pytest.fixture(scope="module")
def manifests(bmcs: tuple[MockBmc, MockBmc], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two nodes with BMCs that work, and one for each wrong answer and kind of sensor, whose model answers so too."""
    folder = tmp_path_factory.mktemp("endpoints")
    good = {"type": "Onnx", "endpoint": "cloud_dell"}
    with WrongServers(*bmcs) as servers:
        objects = [
            node_config(name, bmc.url, "Redfish", good) for name, bmc in zip(("good", "heals"), bmcs, strict=True)
        ]
        for number, url in enumerate(servers.urls.values()):
            for sensor in SENSORS:
                model = {"type": "V2InferenceProtocol", "endpoint": f"{url}/v2/models/m/infer"}
                objects.append(node_config(f"bad-{number}-{sensor.lower()}", url, sensor, model))
        for number, group in enumerate(objects):
            (folder / f"{number:03}.yaml").write_text("\n---\n".join(json.dumps(item) for item in group))
        yield folder


def values(server: ServerProcess) -> dict[str, str]:
    items = json.loads(server.ask(VALUES)[1])["items"]
    return {item["describedObject"]["name"]: item["timestamp"] for item in items}


def test_the_metrics_api_reads_the_good_ones_while_the_others_lie_and_hang(
    manifests: Path, bmcs: tuple[MockBmc, MockBmc], tmp_path: Path
) -> None:
    with running("metrics-api", tmp_path, manifests=manifests) as server:
        seconds_until(lambda: {"good", "heals"} <= set(values(server)), FRESH, "the good ones are read")
        for _ in range(10):
            server.serve_good_client()
        assert not [name for name in values(server) if "redfish" in name or "prometheus" in name]
        bmcs[1].faults.hang = True
        first = values(server)["good"]
        seconds_until(lambda: values(server)["good"] > first, FRESH, "the good one is read again")
        bmcs[1].faults.hang = False
        last = values(server).get("heals", "")
        back = seconds_until(lambda: values(server).get("heals", "") > last, FRESH, "the healed one is read again")
        report(f"{len(ANSWERS)} wrong answers of three kinds of sensors: a BMC that hung is read after {back:.1f} s")
        server.serve_good_client()
        server.assert_within_its_memory()
        assert not tracebacks(server.log)


@pytest.mark.parametrize("name", ["scheduler", "lb"] if THOROUGH else ["scheduler"])
def test_power_of_the_good_nodes_is_known_while_model_servers_lie_and_hang(
    name: str, manifests: Path, tmp_path: Path
) -> None:
    with running(name, tmp_path, manifests=manifests) as server:
        seconds_until(server.ready, 2 * FRESH, "ready")
        for _ in range(10):
            server.serve_good_client()
        if name == "scheduler":
            body = json.dumps({"cpu": "1", "count": 1, "nodes": ["good", "heals"]}).encode()
            seconds_until(lambda: server.ask("/v1/what-if", body)[0] == 200, FRESH, "the good nodes are predicted")
        server.assert_within_its_memory()
        assert not tracebacks(server.log)
