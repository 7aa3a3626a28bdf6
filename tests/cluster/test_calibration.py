"""Power models that are compared with the power meters of a cluster, and the recording of a cluster."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cluster.bed.command import Wao
from tests.cluster.bed.controlplane import ControlPlane, node, pod
from tests.cluster.bed.program import PATIENCE, Program, wait_for
from wao_predict.train.table import load_table

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
CONFIG = "/apis/node.waok8s.github.io/v1beta1/namespaces/wao-system/nodeconfigs/meter"
GROUP, VERSION = "metrics.waok8s.github.io", "v1beta2"


@pytest.fixture(scope="module")
def api(bed: ControlPlane, metrics_server: Program) -> Iterator[Wao]:
    """A node at 25 % load that uses 150 W, of which its model predicts 125 W, and the metrics API of the cluster."""
    bed.admin.create("/api/v1/nodes", node("meter", cores=8))
    bed.admin.create("/api/v1/namespaces/default/pods", pod("load", cpu="1", node_name="meter", usage="2"))
    fixed = {"type": "Fake", "endpoint": "", "fetchInterval": "1s"}
    collector = {"inletTemp": {**fixed, "value": 22.0}, "powerWatts": {**fixed, "value": 150.0}}
    points = [{"cpuUsage": 0, "watts": 100}, {"cpuUsage": 100, "watts": 200}]
    predictor = {
        "powerConsumption": {"type": "PowerCurve", "endpoint": "", "points": points},
        "calibration": {"mode": "Shadow"},
    }
    kind = {"apiVersion": "node.waok8s.github.io/v1beta1", "kind": "NodeConfig", "metadata": {"name": "meter"}}
    spec = {"nodeName": "meter", "metricsCollector": collector, "predictor": predictor}
    bed.admin.create(CONFIG.rpartition("/")[0], {**kind, "spec": spec})
    pair = bed.service_ca.issue("wao-metrics-api", hosts=("wao-metrics-api.wao-system.svc", "localhost", "127.0.0.1"))
    made = Wao(bed, "metrics-api", "--tls-cert-file", str(pair.certificate), "--tls-private-key-file", str(pair.key))
    port = int(made.url.rpartition(":")[2])
    bed.register_api(GROUP, VERSION, service="wao-metrics-api", namespace="wao-system", port=port)
    yield made
    bed.admin.delete(f"/apis/apiregistration.k8s.io/v1/apiservices/{VERSION}.{GROUP}")
    made.stop()


def status(bed: ControlPlane) -> dict[str, Any]:
    found: dict[str, Any] = bed.admin.get(CONFIG).get("status") or {}
    return found


def calibrated(bed: ControlPlane) -> tuple[str, str]:
    """Return status and reason of the condition."""
    found = [item for item in status(bed).get("conditions", []) if item["type"] == "Calibrated"]
    return (found[0]["status"], found[0]["reason"]) if found else ("", "")


def predicted(bed: ControlPlane) -> str:
    listed = bed.admin.get(f"/apis/{GROUP}/{VERSION}/nodes/*/predicted_watts")["items"]
    return str(listed[0]["value"]) if listed else ""


def test_the_status_of_a_node_config_compares_the_model_with_the_meter(bed: ControlPlane, api: Wao) -> None:
    wait_for(lambda: calibrated(bed) == ("False", "NoCorrection"), "a comparison")
    assert 0.0 < status(bed)["calibration"]["residualWatts"] <= 25.0  # the mean begins at 0


def test_a_correction_in_the_status_is_used_once_the_mode_is_apply(bed: ControlPlane, api: Wao) -> None:
    wait_for(lambda: predicted(bed) == "125", "the prediction of the model")
    calibration = {**status(bed)["calibration"], "used": {"scale": 1.2, "offsetWatts": 0.0}}
    bed.admin.patch(CONFIG, {"spec": {"predictor": {"calibration": {"mode": "Apply"}}}})
    bed.admin.patch(f"{CONFIG}/status", {"status": {"calibration": calibration}})
    wait_for(lambda: calibrated(bed) == ("True", "Applied"), "the correction is applied")
    wait_for(lambda: predicted(bed) == "150", "the corrected prediction")


def test_a_cluster_is_recorded_for_training(bed: ControlPlane, api: Wao, tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    arguments = ("--save", str(file), "--kubeconfig", str(bed.kubeconfig), "--period", "1", "--duration", "8s")
    command = [sys.executable, "-m", "wao_predict.cli", "record", "cluster", *arguments]

    def recorded() -> bool:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
        assert f"{file}: " in done.stdout
        return "0 new rows" not in done.stdout

    wait_for(recorded, "a row")  # metrics-server has a new one in 10 seconds
    table = load_table(file)
    assert table.features == ("cpu_usage", "inlet_temp")
    np.testing.assert_allclose(table.X, [[25.0, 22.0]] * len(table), atol=0.5)
    assert set(table.watts.tolist()) == {150.0}
