"""Processes that are killed or stopped under load, and clients that hold them up."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.processes import AGENT, SERVERS, THOROUGH, ServerProcess, report, running, seconds_until, tracebacks

BACK = 30.0
"""Seconds after a start within which a server must be ready, on a busy machine."""
ENDED = 5.0
"""Seconds from SIGTERM within which a process without a drain time must have ended, whatever its clients do."""
pytestmark = pytest.mark.timeout(300)


class Load:
    """Clients that ask all the time, each on a new connection. Use as `with`."""

    def __init__(self, server: ServerProcess) -> None:
        self._server, self._stop = server, threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(3)]
        self.answers: Counter[str] = Counter()

    def _ask(self) -> None:
        while not self._stop.wait(0.01):
            try:
                status, content = self._server.ask("/metrics")
                whole = content.endswith(b"\n") and b"wao_build_info" in content
                self.answers["none" if not status else "whole" if whole else "cut off"] += 1
            except OSError:
                self.answers["refused"] += 1

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.mark.parametrize(
    "name", [*(SERVERS if THOROUGH else SERVERS[:2]), pytest.param(AGENT, marks=pytest.mark.netns)]
)
def test_a_killed_server_is_back_and_one_that_is_stopped_finishes_its_answers(name: str, tmp_path: Path) -> None:
    certificate = ("--self-signed-dir", str(tmp_path))
    with running(name, tmp_path, *certificate) as server, Load(server) as load:
        seconds_until(lambda: load.answers["whole"] > 20, BACK, "there is load")
        server.process.kill()
        server.process.wait()
        seconds_until(lambda: load.answers["refused"] > 5, BACK, "clients notice")
    with ExitStack() as clients, running(name, tmp_path, *certificate, "--port", str(server.port)) as again:
        back = seconds_until(again.ready, BACK, "it is ready again")
        clients.enter_context(again.connect()).sendall(b"\x16\x03\x01")
        clients.enter_context(again.connect_tls())
        clients.enter_context(again.connect_tls()).sendall(b"GET / HT")
        clients.enter_context(again.connect_tls()).sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        with Load(again) as load:
            seconds_until(lambda: load.answers["whole"] > 20, BACK, "there is load")
            again.serve_good_client()
            seconds = again.terminate()
        report(f"{name}: ready {back:.1f} s after it listened again; SIGTERM under load took {seconds:.1f} s")
        assert again.process.returncode == 0
        assert seconds < ENDED
        assert load.answers["cut off"] == 0
        assert not tracebacks(again.log)
