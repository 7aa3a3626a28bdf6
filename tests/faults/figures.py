"""Prints the figures of docs/reliability.md for the code in a folder: `python -m tests.faults.figures [FOLDER]`.

Nothing is asserted here. To compare with another commit: `git worktree add FOLDER COMMIT`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.faults.processes import MIB, ROOT, ServerProcess, report, running, send_until_refused

TEMPLATE = '{{printf "%[2]*[1]d" 1 999999999}}'
RENDER = """
import re, sys, time
from contextlib import suppress
try:
    from wao_core.crds.templates import render
except ImportError:
    from wao_core.gotemplate import render  # where older commits have it
began = time.monotonic()
with suppress(Exception):
    render(sys.argv[1], {"Hostname": "n"})
own = int(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1]) // 1024
print("template", sys.argv[1], "takes", own, "MiB in the controller and", round(time.monotonic() - began, 1), "s")
"""


class Waits:
    """Asks a server again and again; `longest` is the longest wait for a response, inf when one never came."""

    def __init__(self, server: ServerProcess) -> None:
        self._server, self._stop = server, threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.longest = 0.0

    def _ask(self) -> None:
        while not self._stop.wait(0.05):
            began, status = time.monotonic(), 0
            with suppress(OSError):
                status = self._server.ask()[0]
            self.longest = max(self.longest, time.monotonic() - began if status == 200 else float("inf"))

    def __enter__(self) -> Waits:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def bomb(server: ServerProcess, size: int) -> str:
    """Send a head of small headers that does not end."""
    with server.connect_tls() as bad:
        sent = send_until_refused(bad, b"GET / HTTP/1.1\r\nHost: x\r\n", b"a: b\r\n", size)
    time.sleep(2.0)  # what was sent is parsed
    return f"{size // MIB} MiB of small headers, {sent / MIB:.1f} MiB accepted"


def silence(server: ServerProcess, clients: ExitStack) -> str:
    """Open connections that say nothing, with 128 descriptors."""
    before = server.descriptors()
    for _ in range(300):
        with suppress(OSError):
            clients.enter_context(server.connect())
    time.sleep(15.0)
    return f"300 silent connections, 128 descriptors: {server.descriptors() - before} still open after 15 s"


def measured(server: ServerProcess, attack: Callable[[], str]) -> None:
    """Print what an attack took."""
    before, cpu = server.reset_peak(), server.cpu()
    with Waits(server) as waits:
        text = attack()
    grown, cpu = server.peak() - before, server.cpu() - cpu
    report(f"{text}: memory +{grown / MIB:.0f} MiB, CPU {cpu:.1f} s, other clients wait at most {waits.longest:.1f} s")


def main() -> None:
    """Attack the code of the folder on the command line, else this code."""
    source = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT
    with tempfile.TemporaryDirectory() as folder, ExitStack() as clients:
        for size in (16 * MIB, 200 * MIB):
            with running("scheduler", Path(folder), source=source) as server:
                measured(server, lambda server=server, size=size: bomb(server, size))  # type: ignore[misc]
        with running("scheduler", Path(folder), source=source, descriptors=128) as server:
            measured(server, lambda: silence(server, clients))
        environment = {**os.environ, "PYTHONPATH": str(source)}
        done = subprocess.run(
            [sys.executable, "-c", RENDER, TEMPLATE],
            capture_output=True,
            text=True,
            env=environment,
            cwd=source,
            check=True,
        )
        report(done.stdout.strip())


if __name__ == "__main__":
    main()
