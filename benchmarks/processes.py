"""Servers in processes of their own, so that their CPU time and memory are theirs alone, and what they have used."""

from __future__ import annotations

import multiprocessing
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def serving(target: Callable[[int], None], *, scheme: str = "https") -> Iterator[tuple[str, int]]:
    """Run a server in a process of its own; yields its URL and process number."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    process = multiprocessing.get_context("spawn").Process(target=target, args=(port,), daemon=True)
    process.start()
    try:
        _wait_for(port)
        yield f"{scheme}://127.0.0.1:{port}", process.pid or 0
    finally:
        process.terminate()
        process.join(10)


@contextmanager
def wao_server(command: str, *options: str) -> Iterator[tuple[str, int]]:
    """Run a server of `wao` until the end of the `with`; yields the URL that it prints, and its process number."""
    arguments = [sys.executable, "-m", "wao_predict.cli", command, *options]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            matches = (re.search(r"https?://127\.0\.0\.1:\d+", line) for line in process.stdout)
            found = next(filter(None, matches), None)
            if found is None:
                raise RuntimeError(f"wao {command} ended")
            yield found[0], process.pid
        finally:
            process.terminate()


def apart(target: Callable[..., None], *arguments: object) -> None:
    """Run a measurement in a process of its own: what ran before has left its memory behind."""
    process = multiprocessing.get_context("spawn").Process(target=target, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"{target.__name__} ended with {process.exitcode}")


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int | None = None) -> int:
    """Return the resident memory of a process, by default of this one."""
    fields = Path(f"/proc/{pid or 'self'}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def _wait_for(port: int) -> None:
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"no server on port {port}")
