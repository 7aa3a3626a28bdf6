"""The example of a plug-in can be installed, and its types work in the library and in a NodeConfig."""

from __future__ import annotations

import http.server
import os
import re
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "examples" / "plugin"
WAO = [sys.executable, "-m", "wao_predict.cli"]
INLET = "/apis/custom.metrics.k8s.io/v1beta2/nodes/worker-1/inlet_temp"
WATTS = "/apis/custom.metrics.k8s.io/v1beta2/nodes/worker-1/predicted_watts"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    target = tmp_path_factory.mktemp("installed")
    command = f"{ROOT}/.tools/bin/uv pip install --quiet --offline --no-deps --no-build-isolation".split()
    command += ["--python", sys.executable, "--target", str(target), str(PLUGIN)]
    subprocess.run(command, check=True, timeout=60)
    return {**os.environ, "PYTHONPATH": str(target)}


class Thermometer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"celsius": 23.5}')

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def thermometer() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Thermometer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_backend_predicts_watts_on_the_command_line(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [*WAO, "predict", "--type", "IdleAndFull", "120:340", "-", "-o", "csv"],
        input="cpu_usage,inlet_temp,delta_p\n50,22,5\n",
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "50,22,5,230.0"


def test_a_node_config_uses_both_types(environment: dict[str, str], thermometer: str, tmp_path: Path) -> None:
    fleet = tmp_path / "fleet"
    fleet.mkdir()
    text = (PLUGIN / "fleet.yaml").read_text(encoding="utf-8")
    (fleet / "fleet.yaml").write_text(text.replace("http://127.0.0.1:8000", thermometer), encoding="utf-8")
    command = [*WAO, "metrics-api", "--manifests", str(fleet), "--self-signed-dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("listening on ").strip()
        context = ssl.create_default_context(cafile=tmp_path / "tls.crt")
        with httpx2.Client(base_url=url, verify=context, timeout=60) as client:
            while client.get("/readyz").status_code != 200:
                assert process.poll() is None
            assert client.get(INLET).json()["items"][0]["value"] == "23500m"
            assert client.get(WATTS).json()["items"][0]["value"] == "230"
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_the_test_of_the_page_runs(environment: dict[str, str]) -> None:
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    subprocess.run([sys.executable, "-c", block], check=True, env=environment, timeout=60)
