"""`wao metrics-api` as a process: from a folder of manifests to answers over TLS, for kubectl too."""

import asyncio
import os
import shutil
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.wao_predict.cli.running import wao
from wao_predict.connection import TlsPolicy
from wao_ui.feeds import Api
from wao_ui.sources import Apis, Sources

FLEET = """
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {capacity: {cpu: "32"}}
---
apiVersion: v1
kind: Node
metadata: {name: n2}
status: {capacity: {cpu: "32"}}
---
apiVersion: metrics.k8s.io/v1beta1
kind: NodeMetrics
metadata: {name: n1}
window: 15s
usage: {cpu: "8"}
---
apiVersion: node.waok8s.github.io/v1beta1
kind: NodeConfig
metadata: {name: n1, namespace: wao}
spec:
  nodeName: n1
  metricsCollector:
    inletTemp: {type: Fake, endpoint: "", value: 22.25}
    deltaP: {type: Fake, endpoint: ""}
  predictor: {}
---
apiVersion: node.waok8s.github.io/v1beta1
kind: NodeConfig
metadata: {name: n2, namespace: wao}
spec:
  nodeName: n2
  metricsCollector:
    inletTemp: {type: Redfish, endpoint: "https://127.0.0.1:9", fetchInterval: 1s}
    deltaP: {type: Fake, endpoint: ""}
  predictor: {}
"""
G = "/apis/custom.metrics.k8s.io/v1beta2"
WAO = [sys.executable, "-c", "from wao_predict.cli import main; main()", "metrics-api"]


@contextmanager
def service(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the command and yield it with its URL; at the end it must stop by itself, well."""
    command = [*WAO, "--manifests", str(folder / "fleet"), *options]
    environment = {**os.environ, "WAO_SELF_SIGNED_DIR": str(folder / "tls")}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.startswith("listening on "):
            raise AssertionError(process.communicate(timeout=10))
        yield process, line.removeprefix("listening on ").strip()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
        assert process.returncode == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "fleet").mkdir()
    (tmp_path / "fleet" / "all.yaml").write_text(FLEET)
    return tmp_path


def test_serves_a_folder_of_manifests_over_tls(folder: Path) -> None:
    with service(folder) as (_, url):
        context = ssl.create_default_context(cafile=str(folder / "tls" / "tls.crt"))
        with httpx2.Client(base_url=url, verify=context, trust_env=False) as client:
            values = {
                metric: [
                    (item["describedObject"]["name"], item["value"])
                    for item in client.get(f"{G}/nodes/*/{metric}").json()["items"]
                ]
                for metric in ("inlet_temp", "delta_p", "cpu_usage")
            }
            assert values == {
                "inlet_temp": [("n1", "22250m")],
                "delta_p": [("n1", "7500m"), ("n2", "7500m")],
                "cpu_usage": [("n1", "25")],
            }
            why = client.get("/debug/nodes/n2").json()["metrics"]["inlet_temp"]
            assert "cannot connect" in why["reason"]
            assert client.get("/readyz").text == "ok"
        assert asyncio.run(failing_on_the_page(url, folder / "tls" / "tls.crt")) == [
            ("n2", "inlet_temp", why["reason"])
        ]
        kubectl(url)


async def failing_on_the_page(url: str, certificate: Path) -> list[tuple[str, str, str]]:
    """Return the failing sensors that `wao ui --manifests --metrics-url` shows."""
    apis = Apis(metrics=Api(url, TlsPolicy(ca_file=certificate)))
    sensors = Sources.of(apis).sensors
    assert sensors is not None
    await sensors.refresh()
    await apis.close()
    assert sensors.problem == ""
    return [(failure.node, failure.metric, failure.reason) for failure in sensors.value or ()]


def kubectl(url: str) -> None:
    """Read the same with kubectl, where there is one."""
    program = shutil.which("kubectl")
    if program is None:
        return
    command = [program, "--server", url, "--insecure-skip-tls-verify", "--token", "any", "--kubeconfig", os.devnull]
    answer = subprocess.run([*command, "get", "--raw", f"{G}/nodes/*/inlet_temp"], capture_output=True, text=True)
    assert '"value":"22250m"' in answer.stdout, answer.stderr
    versions = subprocess.run([*command, "api-versions"], capture_output=True, text=True)
    assert "custom.metrics.k8s.io/v1beta2" in versions.stdout, versions.stderr


def test_tokens_are_needed_when_a_token_file_is_given(folder: Path) -> None:
    tokens = folder / "tokens.csv"
    tokens.write_text("abc,reader\n")
    with service(folder, "--token-file", str(tokens)) as (_, url):
        context = ssl.create_default_context(cafile=str(folder / "tls" / "tls.crt"))
        with httpx2.Client(base_url=url, verify=context, trust_env=False) as client:
            assert client.get(f"{G}/nodes/n1/inlet_temp").status_code == 403
            assert client.get("/v1/sensors").status_code == 403
            assert client.get("/readyz").status_code == 200
            client.headers["Authorization"] = "Bearer abc"
            assert client.get(f"{G}/nodes/n1/inlet_temp").status_code == 200
            client.headers["Authorization"] = "Bearer nope"
            assert client.get(f"{G}/nodes/n1/inlet_temp").status_code == 401


@pytest.mark.parametrize(
    ("options", "messages"),
    [
        (["--host", "0.0.0.0"], ["without authentication", "--token-file"]),
        (["--authentication", "files"], ["give --token-file or --client-ca-file"]),
        (["--port", "70000", "--token-file", "/nowhere"], ["--port 70000", "/nowhere: no such file"]),
        (["--endpoint-network", "10.0.0.0/99"], ["--endpoint-network"]),
    ],
)
def test_wrong_options_are_reported_at_the_start(folder: Path, options: list[str], messages: list[str]) -> None:
    done = wao("metrics-api", "--manifests", str(folder / "fleet"), *options)
    assert done.code in (1, 2)
    assert all(message in done.err for message in messages), done.err
    assert "Traceback" not in done.err
