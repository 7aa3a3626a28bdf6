"""Connections that stay silent, bodies that never end, and the end of a process that has such clients."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

from tests.faults.processes import MIB, ServerProcess, report, scheduler

UNFINISHED = b"POST /prioritize HTTP/1.1\r\nHost: x\r\nContent-Length: 66060288\r\n\r\n"


def wait_for_descriptors(server: ServerProcess, most: int, seconds: float) -> float:
    """Return the seconds until the server has at most so many descriptors; stops after `seconds`."""
    began = time.monotonic()
    while server.descriptors() > most and time.monotonic() - began < seconds:
        time.sleep(0.1)
    return time.monotonic() - began


def test_silent_connections_are_closed_and_never_keep_good_clients_out(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with scheduler(log, descriptors=128) as server, ExitStack() as clients:
        before, waits = server.descriptors(), []
        for number in range(300):
            bad = clients.enter_context(server.connect())
            if number % 3 == 1:
                bad.sendall(b"\x16\x03\x01")  # of a TLS handshake
            if number % 20 == 19:
                waits.append(server.serve_good_client())
        bad = clients.enter_context(server.connect_tls())
        bad.sendall(b"GET / HTTP/1.1\r\nHost")
        open_at_most = server.descriptors()
        back = wait_for_descriptors(server, before + 1, 14.0)
        report(
            f"300 silent connections, 128 descriptors: good client at most {max(waits):.2f} s, "
            f"{open_at_most} descriptors open, {server.descriptors()} after {back:.1f} s, "
            f"{len(log.read_text().splitlines())} log lines"
        )
        assert max(waits) < 2.0
        assert back < 14.0
        assert len(log.read_text().splitlines()) < 30


def test_unfinished_bodies_share_one_budget(tmp_path: Path) -> None:
    with scheduler(tmp_path / "log") as server, ExitStack() as clients:
        before = server.reset_peak()
        waits = []
        for _ in range(20):
            bad = clients.enter_context(server.connect_tls())
            try:
                bad.sendall(UNFINISHED)
                for _ in range(62):
                    bad.sendall(b" " * MIB)
            except OSError:
                continue
            waits.append(server.serve_good_client())
        good = clients.enter_context(server.connect_tls())
        good.sendall(b"POST /prioritize HTTP/1.1\r\nHost: x\r\nContent-Length: 2097152\r\n\r\n" + b" " * (2 * MIB))
        answer = good.recv(12)
        grown = server.peak() - before
        report(f"20 unfinished bodies of 62 MiB: memory +{grown / MIB:.0f} MiB, good client {max(waits):.2f} s")
        assert answer == b"HTTP/1.1 400"  # read to its end, and then no JSON
        assert grown < 400 * MIB
        assert max(waits) < 2.0


def test_unresponsive_clients_do_not_hold_up_the_end_of_the_process(tmp_path: Path) -> None:
    with scheduler(tmp_path / "log") as server, ExitStack() as clients:
        clients.enter_context(server.connect()).sendall(b"\x16\x03\x01")
        clients.enter_context(server.connect_tls())
        clients.enter_context(server.connect_tls()).sendall(b"GET / HT")
        clients.enter_context(server.connect_tls()).sendall(UNFINISHED + b"{")
        kept = clients.enter_context(server.connect_tls())
        kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert kept.recv(12) == b"HTTP/1.1 200"
        seconds = server.terminate()
        report(f"SIGTERM with unresponsive clients: {seconds:.1f} s")
        assert seconds < 5.0
        assert server.process.returncode == 0
