"""Connections that stay silent, bodies that never end, and no descriptors left."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.faults.conftest import Servers
from tests.faults.processes import (
    AGENT,
    MIB,
    POST,
    SERVERS,
    THOROUGH,
    ServerProcess,
    prioritize_body,
    report,
    running,
    seconds_until,
)

pytestmark = pytest.mark.timeout(300)
CLOSED = 14.0
"""Seconds after which all connections of silent clients are closed: 10 s for a head, 2 s to close, and some more."""
UNFINISHED = "POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: 66060288\r\n\r\n"


def silent(server: ServerProcess, clients: ExitStack, count: int) -> None:
    """Open connections that say nothing, or only the begin of a TLS handshake."""
    for number in range(count):
        bad = clients.enter_context(server.connect())
        if number % 3 == 1:
            bad.sendall(b"\x16\x03\x01")
        if number % 20 == 19:
            server.serve_good_client()


def test_silent_connections_are_closed_and_never_keep_good_clients_out(tmp_path: Path) -> None:
    with running("scheduler", tmp_path, descriptors=128) as server, ExitStack() as clients:
        before = server.descriptors()
        silent(server, clients, 300)
        clients.enter_context(server.connect_tls()).sendall(b"GET / HTTP/1.1\r\nHost")
        open_at_most = server.descriptors()
        back = seconds_until(lambda: server.descriptors() <= before + 1, CLOSED, "its descriptors are free")
        lines = len(server.log.read_text().splitlines())
        report(
            f"300 silent connections, 128 descriptors: good client at most {max(server.waits):.2f} s, "
            f"{open_at_most} descriptors open, {server.descriptors()} after {back:.1f} s, {lines} log lines"
        )
        assert lines < 30


@contextmanager
def few_descriptors(server: ServerProcess, more: int) -> Iterator[None]:
    """Leave a running server so many descriptors more than it has open."""
    pid, (soft, hard) = server.process.pid, resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (server.descriptors() + more, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("names", [SERVERS, pytest.param((AGENT,), marks=pytest.mark.netns)], ids=["servers", AGENT])
def test_without_a_descriptor_the_oldest_silent_connection_makes_room(names: tuple[str, ...], servers: Servers) -> None:
    with ExitStack() as clients:
        before = {name: servers[name].descriptors() for name in names}
        for name in names:
            with few_descriptors(servers[name], 20):
                silent(servers[name], clients, 80)
        for name in names:
            most = before[name] + 2  # the server may have opened a connection of its own
            back = seconds_until(lambda name=name, most=most: servers[name].descriptors() <= most, CLOSED, name)  # type: ignore[misc]
            report(f"{name}, 80 silent connections, 20 descriptors: all are free after {back:.1f} s")


@pytest.mark.parametrize("name", [*SERVERS, pytest.param(AGENT, marks=pytest.mark.netns)])
def test_unfinished_bodies_share_one_budget(name: str, servers: Servers) -> None:
    server = servers[name]
    with ExitStack() as clients:
        before = server.reset_peak()
        for _ in range(20 if THOROUGH else 5):
            bad = clients.enter_context(server.connect_tls())
            with suppress(OSError):
                bad.sendall(UNFINISHED.format("/prioritize" if name == "scheduler" else POST.get(name, "/")).encode())
                for _ in range(62):
                    bad.sendall(b" " * MIB)
            server.serve_good_client()
        grown = server.peak() - before
        report(f"{name}, unfinished bodies of 62 MiB: memory +{grown / MIB:.0f} MiB")
        assert grown < 200 * MIB


def test_a_large_request_is_served_while_others_do_not_finish_theirs(servers: Servers) -> None:
    server = servers["scheduler"]
    with ExitStack() as clients:
        for _ in range(3):
            bad = clients.enter_context(server.connect_tls())
            with suppress(OSError):
                bad.sendall(UNFINISHED.format("/prioritize").encode() + b" " * (60 * MIB))
        assert server.ask("/prioritize", b" " * (2 * MIB) + prioritize_body(["edge-1"]))[0] == 200


@pytest.mark.parametrize("name", [*SERVERS, pytest.param(AGENT, marks=pytest.mark.netns)])
@pytest.mark.parametrize("sent", [0, 1, 1000])
def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_error(name: str, sent: int, servers: Servers) -> None:
    server = servers[name]
    for path in {"/prioritize", POST.get(name, "/"), "/healthz", "/nothing"}:
        with server.connect_tls() as bad:
            bad.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n".encode() + b"{" * sent)
    server.serve_good_client()
