"""Request heads, trailers and chunk extensions without an end, before any authentication."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.conftest import Servers
from tests.faults.processes import AGENT, MIB, POST, SERVERS, THOROUGH, read_all, report, send_until_refused

SIZE = 16 * MIB
BOMBS = {
    "small headers": (b"GET / HTTP/1.1\r\nHost: x\r\n", b"a: b\r\n"),
    "one header": (b"GET / HTTP/1.1\r\nHost: x\r\na: ", b"b" * 1024),
    "one header name": (b"GET / HTTP/1.1\r\nHost: x\r\n", b"b" * 1024),
    "one URL": (b"GET /", b"u" * 1024),
    "small trailers": (b"POST PATH HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n"),
    "one trailer": (b"POST PATH HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na: ", b"b" * 1024),
    "one chunk extension": (b"POST PATH HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;a=", b"b" * 1024),
    "pipelined requests": (b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"),
    "no HTTP": (b"", b"\x16\x03\x01\x00" * 64),
    "negative length": (b"POST PATH HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", b"a" * 1024),
}
CASES = [
    (server, bomb) for server in SERVERS for bomb in BOMBS if THOROUGH or server == "scheduler" or bomb[:5] == "small"
]
CASES += [pytest.param(AGENT, bomb, marks=pytest.mark.netns) for bomb in BOMBS]  # type: ignore[misc]


@pytest.mark.parametrize(("name", "bomb"), CASES)
def test_a_bomb_takes_neither_memory_nor_time_from_a_good_client(name: str, bomb: str, servers: Servers) -> None:
    server, (head, repeated) = servers[name], BOMBS[bomb]
    before, cpu = server.reset_peak(), server.cpu()
    head = head.replace(b"PATH", POST.get(name, "/healthz").encode())
    with ThreadPoolExecutor(1) as pool, server.connect_tls() as bad:
        sending = pool.submit(send_until_refused, bad, head, repeated, SIZE)
        waits = [server.serve_good_client()]
        while not sending.done():
            waits.append(server.serve_good_client())
        waits.append(server.serve_good_client())
    grown, cpu = server.peak() - before, server.cpu() - cpu
    report(
        f"{name}, {bomb}: {sending.result() / MIB:.1f} MiB sent, memory +{grown / MIB:.1f} MiB, "
        f"server CPU {cpu:.2f} s, good client at most {max(waits):.2f} s"
    )
    assert grown < 24 * MIB


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 300 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\na: " + b"b" * 65536 + b"\r\n\r\n", 431),
        (b"GET /" + b"u" * 65536 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\na: " + b"b" * 60000 + b"\r\n\r\n", 200),
    ],
)
@pytest.mark.parametrize("part", [1000, 5001, 1 << 20])
def test_the_limit_of_a_head_is_the_same_in_any_parts(head: bytes, status: int, part: int, servers: Servers) -> None:
    with servers["scheduler"].connect_tls() as client:
        for start in range(0, len(head), part):
            try:
                client.sendall(head[start : start + part])
            except OSError:
                break
        assert client.recv(12) == b"HTTP/1.1 %d" % status


def test_a_large_head_one_byte_at_a_time_is_parsed_in_linear_time(servers: Servers) -> None:
    """A field grows by one byte with each TLS record, which must not copy it each time."""
    server, times = servers["scheduler"], []
    for size in (15000, 60000):
        cpu = server.cpu()
        with server.connect_tls() as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\na: ")
            for _ in range(size):
                client.sendall(b"b")
            client.sendall(b"\r\n\r\n")
            assert read_all(client).startswith(b"HTTP/1.1 200 ")
        times.append(server.cpu() - cpu)
    report(f"byte by byte: 15,000 bytes {times[0]:.2f} s, 60,000 bytes {times[1]:.2f} s of CPU")
    assert times[1] < 8 * max(times[0], 0.05)
