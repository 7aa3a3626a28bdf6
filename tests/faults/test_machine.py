"""The machine below a server: a full disk, a wrong clock, folders that vanish and files that are none."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.disks import small_disk
from tests.faults.processes import (
    FLEET,
    SERVERS,
    THOROUGH,
    ServerProcess,
    prioritize_body,
    report,
    running,
    seconds_until,
    tracebacks,
)
from wao_core.certificates.self_signed import bootstrap_certificate

pytestmark = pytest.mark.timeout(300)
READ_AGAIN = 30.0
"""Seconds after which what a folder says is in use, and figures without a time have the new time."""


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FLEET, tmp_path / "fleet"))


def measured(scheduler: ServerProcess) -> int:
    """Return how many nodes have a fresh CPU sample and a curve."""
    lines = scheduler.ask("/metrics")[1].decode().splitlines()
    return next(
        int(float(line.split()[1])) for line in lines if line.startswith('wao_extender_nodes{state="measured"}')
    )


def test_a_server_without_room_for_its_log_serves_on(tmp_path: Path) -> None:
    """A limit of the process, which needs no root: no file can grow, and the log is a file."""
    bootstrap_certificate(tmp_path, [])
    with ExitStack() as stack:
        for name in SERVERS if THOROUGH else SERVERS[:1]:
            options = ("--self-signed-dir", str(tmp_path), "--log-level", "debug")
            server = stack.enter_context(running(name, tmp_path, *options, file_size=0))
            seconds_until(server.ready, READ_AGAIN, f"{name} is ready")
            server.serve_good_client()
            assert server.log.stat().st_size == 0
            server.terminate()
            assert server.process.returncode == 0


def refused(name: str, server: ServerProcess, fleet: Path) -> None:
    """Put a file that is no manifest into the folder, and wait until the log names it."""
    (fleet / name).write_text("{")
    seconds_until(lambda: name in server.log.read_text(errors="replace"), READ_AGAIN, f"the log names {name}")


def test_on_a_full_disk_the_servers_serve_on_and_log_again_once_there_is_room(fleet: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk, ExitStack() as stack:
        bootstrap_certificate(disk.folder, [])
        options = ("--self-signed-dir", str(disk.folder))
        servers = {
            name: stack.enter_context(running(name, disk.folder, *options, manifests=fleet))
            for name in (SERVERS if THOROUGH else SERVERS[:1])
        }
        for server in servers.values():
            seconds_until(server.ready, READ_AGAIN, f"{server.name} is ready")
        readers = [server for name, server in servers.items() if name != "controller"]
        refused("before.yaml", readers[0], fleet)
        disk.fill()
        for number in range(10):
            for more in "abc":  # the lines of the log about them need more than the rest of its block
                (fleet / f"{'lost' * 50}-{more}{number}.yaml").write_text("{")
            for server in servers.values():
                server.serve_good_client()
                assert server.ready(), server.name
        assert disk.is_full()
        assert all(server.log.stat().st_size <= disk.block for server in servers.values())
        disk.make_room()
        for server in readers:
            refused(f"after-{server.name}.yaml", server, fleet)
        for server in servers.values():
            server.serve_good_client()
            server.assert_within_its_memory()
            assert not tracebacks(server.log), server.log.read_text()
            server.terminate()
            assert server.process.returncode == 0


def test_a_start_that_failed_on_a_full_disk_leaves_nothing_that_the_next_one_stumbles_over(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        disk.fill()
        options = ("--self-signed-dir", str(disk.folder / "certificates"))
        command = [sys.executable, "-m", "wao_predict.cli", "scheduler", "--manifests", str(FLEET), *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, cwd=tmp_path)
        assert done.returncode == 1, done.stderr
        assert "No space left on device" in done.stderr
        assert "; give " in done.stderr
        assert "Traceback" not in done.stderr
        disk.make_room()
        with running("scheduler", tmp_path, *options) as server:
            seconds_until(server.ready, READ_AGAIN, "ready")


@pytest.mark.parametrize("options", [(), ("--self-signed-dir", "certificates")])
def test_without_room_for_a_certificate_the_start_fails_with_the_remedy(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wao_predict.cli", "scheduler", "--manifests", str(FLEET), *options],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
    )
    assert done.returncode == 1, done.stderr
    assert "certificate" in done.stderr
    assert "; give " in done.stderr
    assert "Traceback" not in done.stderr


def test_the_clock_may_step_an_hour_in_either_direction(tmp_path: Path) -> None:
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(running(name, tmp_path, module="tests.fakes.stepped_clock")) for name in SERVERS
        }
        nodes = seconds_until(lambda: measured(servers["scheduler"]), READ_AGAIN, "nodes are measured") and measured(
            servers["scheduler"]
        )
        for step in (signal.SIGUSR1, signal.SIGUSR2):
            for name, server in servers.items():
                server.process.send_signal(step)
                server.serve_good_client()
                assert server.ready(), name
            assert servers["scheduler"].ask("/prioritize", prioritize_body(["edge-lenovo-01"]))[0] == 200
        back = seconds_until(
            lambda: measured(servers["scheduler"]) == nodes, READ_AGAIN, "all nodes are measured again"
        )
        report(f"after steps of +1 h and -2 h, {nodes} nodes are measured again after {back:.1f} s")
        for name, server in servers.items():
            server.serve_good_client()
            assert server.ready(), name
            assert not tracebacks(server.log)


def strange_files(folder: Path) -> Iterator[Path]:
    """Put what is no manifest where manifests are, and yield each."""
    for name, content in {
        "empty.yaml": b"",
        "null.yaml": b"\0" * 100_000,
        "utf8.yaml": b"\xff\xfe\xfd",
        "deep.yaml": b"[" * 100_000,
        "bomb.yaml": b"a: &a [x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b]\nd: [*c,*c,*c]\n",
        "number.yaml": b"apiVersion: v1\nkind: Node\nmetadata: {name: " + b"9" * 10_000 + b"}\n",
    }.items():
        (folder / name).write_bytes(content)
        yield folder / name
    os.mkfifo(folder / "pipe.yaml")
    (folder / "loop.yaml").symlink_to(folder / "loop.yaml")
    (folder / "nothing.yaml").symlink_to("/nonexistent")
    (folder / "device.yaml").symlink_to("/dev/zero")
    (folder / "folder.yaml").mkdir()
    (folder / "round").symlink_to(folder)
    yield from (folder / name for name in ("pipe.yaml", "loop.yaml", "nothing.yaml", "device.yaml"))


@pytest.mark.parametrize("name", ["scheduler", "metrics-api", "lb"] if THOROUGH else ["scheduler"])
def test_strange_files_and_a_folder_that_is_exchanged_stop_nothing(name: str, fleet: Path, tmp_path: Path) -> None:
    with running(name, tmp_path, manifests=fleet) as server:
        seconds_until(server.ready, READ_AGAIN, "ready")
        for path in strange_files(fleet):
            server.serve_good_client()
            assert server.ready(), path
        wanted = "deep.yaml"
        seconds_until(lambda: wanted in server.log.read_text(), READ_AGAIN, "the log names the refused file")
        fleet.rename(tmp_path / "away")
        seconds_until(lambda: f"{fleet} cannot be read" in server.log.read_text(), READ_AGAIN, "the log says so")
        server.serve_good_client()
        assert server.ready(), "the last state is kept"
        fleet.write_text("a file")
        server.serve_good_client()
        fleet.unlink()
        other = Path(shutil.copytree(FLEET, tmp_path / "other"))
        (other / "late.yaml").write_text("apiVersion: v1\nkind: Node\nmetadata: {name: }\n")
        other.rename(fleet)
        back = seconds_until(lambda: "late.yaml" in server.log.read_text(), READ_AGAIN, "the new folder is read")
        report(f"{name}: an exchanged folder is in use after {back:.1f} s")
        server.serve_good_client()
        assert server.ready()
        server.assert_within_its_memory()
        assert not tracebacks(server.log)
