"""Servers in processes of their own, so that their CPU time and memory are theirs alone, and what they have used."""

from __future__ import annotations

import multiprocessing
import os
import socket
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
