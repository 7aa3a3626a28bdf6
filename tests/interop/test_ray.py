"""`wao simulate --ray` against the real Ray: a cluster of one core on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.interop.conftest import free_port, python_of, running_wait

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]
FLEET = "name,model,capacity_cores,usage_cores\n" + "".join(f"{n},curve:0=60 50=110 100=120,16,1\n" for n in "abc")
SWEEP = ["--load", "0.4", "--seeds", "2", "--policy", "least-allocated", "--policy", "floor"]


@contextmanager
def ray_cluster(folder: Path) -> Iterator[dict[str, str]]:
    """Run a Ray cluster until the end of the block; yield its addresses by kind."""
    ray = Path(python_of("ray")).with_name("ray")
    port, client = free_port(), free_port()
    options = {"num-cpus": 1, "object-store-memory": 80_000_000, "temp-dir": folder, "node-ip-address": "127.0.0.1"}
    ports = {"port": port, "ray-client-server-port": client, "dashboard-agent-listen-port": free_port()}
    others = {"min-worker-port": 0, "max-worker-port": 0, "include-dashboard": "false"}  # 0: any free port
    arguments = [f"--{name}={value}" for name, value in (options | ports | others).items()]
    log = folder / "log"
    with log.open("wb") as output:
        running = subprocess.Popen(
            [ray, "start", "--head", "--block", "--disable-usage-stats", *arguments],
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        for _ in range(1200):
            if running.poll() is not None:
                pytest.fail(f"Ray ended: {log.read_text(errors='replace')[-2000:]}")
            if "Ray runtime started" in log.read_text(errors="replace"):
                break
            running_wait(running)
        else:
            pytest.fail(f"Ray did not get ready: {log.read_text(errors='replace')[-2000:]}")
        yield {"host:port": f"127.0.0.1:{port}", "ray://": f"ray://127.0.0.1:{client}"}
    finally:
        _end(running)


def _end(running: subprocess.Popen[bytes]) -> None:
    """End Ray and its processes, which are all in its session."""
    running.terminate()
    with suppress(subprocess.TimeoutExpired):
        running.wait(30)
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(folder.name)) == running.pid:
                os.kill(int(folder.name), signal.SIGKILL)
        except ProcessLookupError:  # it ended in the meantime
            continue
    running.wait()


@pytest.fixture(scope="module")
def addresses() -> Iterator[dict[str, str]]:
    # a short path, because paths of sockets are limited to 107 characters
    temporary = tempfile.TemporaryDirectory(prefix="wao-ray-", ignore_cleanup_errors=True)
    with temporary as folder, ray_cluster(Path(folder)) as found:
        yield found


@pytest.fixture(scope="module")
def rows_of_processes(tmp_path_factory: pytest.TempPathFactory) -> object:
    done = simulate(tmp_path_factory.mktemp("processes"), *SWEEP, "--jobs", "2")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def simulate(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "fleet.csv").write_text(FLEET)
    wao = Path(python_of("ray")).with_name("wao")
    return subprocess.run(
        [wao, "simulate", "fleet.csv", "-o", "json", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@pytest.mark.parametrize("kind", ["host:port", "ray://"])
def test_a_cluster_gives_the_rows_of_a_pool_of_processes(
    kind: str, addresses: dict[str, str], rows_of_processes: object, tmp_path: Path
) -> None:
    done = simulate(tmp_path, *SWEEP, "--ray", addresses[kind])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == rows_of_processes


def test_an_error_on_the_cluster_is_shown_as_the_error_of_the_simulation(
    addresses: dict[str, str], tmp_path: Path
) -> None:
    done = simulate(tmp_path, "--load", "0.01", "--seeds", "2", "--ray", addresses["host:port"])
    assert done.returncode == 1
    assert done.stderr == "error: a load of 1% is not above the base load of the fleet, 6%: give more\n"
