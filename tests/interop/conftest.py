"""Starts the real model servers on loopback, each in its own environment."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.cluster.build import tool_path
from wao_predict import model_path

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(
    arguments: list[str], folder: Path, ready: str, env: dict[str, str], *, status: int = 200
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the end of the block, once it answers GET `ready` with the status."""
    log = folder / "log"
    with log.open("wb") as output:
        running = subprocess.Popen(arguments, cwd=folder, stdout=output, stderr=output, env={**os.environ, **env})
    try:
        transport = httpx2.HTTPTransport(retries=0)
        with httpx2.Client(transport=transport, timeout=2.0) as client:
            for _ in range(600):
                if running.poll() is not None:
                    pytest.fail(f"the server ended: {log.read_text(errors='replace')[-2000:]}")
                try:
                    if client.get(ready).status_code == status:
                        break
                except httpx2.TransportError:
                    pass
                running_wait(running)
            else:
                pytest.fail(f"the server did not get ready: {log.read_text(errors='replace')[-2000:]}")
        yield running
    finally:
        running.terminate()
        try:
            running.wait(20)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def running_wait(running: subprocess.Popen[bytes]) -> None:
    """Give the server a tenth of a second, or less when it ends."""
    try:
        running.wait(0.1)
    except subprocess.TimeoutExpired:
        return


def python_of(name: str) -> str:
    """Return the interpreter of a server's environment, or skip."""
    path = ROOT / f".venv-{name}" / "bin" / "python"
    if not path.exists():
        pytest.skip(f"{path.parent.parent.name} is not there: make test-interop")
    return str(path)


def program_of(name: str, target: str) -> Path:
    """Return a peer of `tests.cluster.build`, or skip: it takes minutes to build."""
    path = tool_path(name)
    if not path.exists():
        pytest.skip(f"{name} is not there: make {target} builds it with Go")
    return path


@contextmanager
def mlserver(folder: Path, *, inputs: list[dict[str, object]] | None = None, **env: str) -> Iterator[str]:
    """Run MLServer with the model "power", version v0.1.0; yield its base URL."""
    python = python_of("mlserver")
    shutil.copy(HERE / "mlserver" / "power.py", folder / "power.py")
    port = free_port()
    settings = {
        "host": "127.0.0.1",
        "http_port": port,
        "grpc_port": free_port(),
        "metrics_port": free_port(),
        "parallel_workers": 0,
    }
    model: dict[str, object] = {"name": "power", "implementation": "power.PowerModel"}
    model |= {"parameters": {"version": "v0.1.0"}, **({"inputs": inputs} if inputs else {})}
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "model-settings.json").write_text(json.dumps(model))
    more = {"WAO_MODEL": str(model_path("edge_lenovo")), "PYTHONPATH": str(folder), **env}
    url = f"http://127.0.0.1:{port}"
    with process([str(Path(python).with_name("mlserver")), "start", "."], folder, f"{url}/v2/models/power/ready", more):
        yield url


@pytest.fixture(scope="session")
def mlserver_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mlserver(tmp_path_factory.mktemp("mlserver")) as url:
        yield url


@pytest.fixture(scope="session")
def single_row_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An MLServer whose model refuses a batch."""
    with mlserver(tmp_path_factory.mktemp("mlserver-single"), WAO_SINGLE_ROW="1") as url:
        yield url


@pytest.fixture(scope="session")
def described_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An MLServer whose model refuses other inputs than those of its metadata."""
    inputs: list[dict[str, object]] = [{"name": "features", "datatype": "FP64", "shape": [-1, 3]}]
    folder = tmp_path_factory.mktemp("mlserver-described")
    with mlserver(folder, inputs=inputs, WAO_STRICT="features FP64") as url:
        yield url


@pytest.fixture(scope="session")
def kserve_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    python, port = python_of("kserve"), free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = [python, str(HERE / "kserve_power.py"), str(model_path("edge_lenovo")), str(port)]
    with process(arguments, tmp_path_factory.mktemp("kserve"), f"{url}/v2/models/power/ready", {}):
        yield url
