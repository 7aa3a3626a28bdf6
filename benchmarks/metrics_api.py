"""The metrics API: one node over TLS beside a bare endpoint, 5,000 nodes in one list, and polls of many BMCs.

    python -m benchmarks.metrics_api

Servers run in processes of their own, so that their CPU time is theirs alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import multiprocessing
import os
import socket
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

NODES = 5000
BMCS, INTERVAL, SECONDS, WINDOWS = 1000, 4.0, 8.0, 3
ADDRESSES = [f"127.1.{number // 250}.{number % 250 + 1}" for number in range(BMCS)]
API = "/apis/custom.metrics.k8s.io/v1beta2"
FIXED = b"x" * 279  # as long as the answer about one node
SENSOR = {
    "@odata.id": "/redfish/v1/Chassis/1/Sensors/Inlet",
    "Id": "Inlet",
    "Name": "Inlet Temp",
    "Reading": 22.5,
    "ReadingUnits": "Cel",
    "Status": {"State": "Enabled", "Health": "OK"},
    "Description": "x" * 500,
}


@dataclass(frozen=True)
class Timing:
    """What one kind of request took: wall milliseconds at p50 and p99, and CPU milliseconds of the server."""

    p50: float
    p99: float
    cpu: float
    size: int

    def __str__(self) -> str:
        return f"p50 {self.p50:.3f} ms, p99 {self.p99:.3f} ms, CPU {self.cpu:.3f} ms a request, {self.size} bytes"


def main() -> None:
    """Measure and print."""
    with serving(_serve_bare) as bare, serving(_serve_api) as api:
        one, nothing = f"{API}/nodes/node-1/inlet_temp", "/fixed"
        rounds = [(measure(*api, one, 2000), measure(*bare, nothing, 2000)) for _ in range(3)]
        ours, floor = min(rounds, key=lambda pair: pair[0].p50)
        print(f"GET one node over TLS          {ours}")
        print(f"bare Starlette, fixed bytes    {floor}")
        print(f"ratio                          {ours.p50 / floor.p50:.2f} (wanted: at most 2)")
        print(f"GET nodes/* of {NODES} nodes     {measure(*api, f'{API}/nodes/*/inlet_temp', 100)}")
        print(f"GET /metrics of {NODES} nodes    {measure(*api, '/metrics', 20)}")
    with serving(_serve_bmcs) as (url, _):
        import uvloop

        uvloop.run(poll(urlsplit(url).port or 0))


def measure(url: str, pid: int, path: str, count: int) -> Timing:
    """Ask for one path again and again on one connection."""
    connection = Connection(url)
    for _ in range(min(50, count)):
        connection.get(path)
    times, size, before = [], 0, cpu_seconds(pid)
    for _ in range(count):
        began = time.perf_counter()
        size = connection.get(path)
        times.append(time.perf_counter() - began)
    cpu = (cpu_seconds(pid) - before) / count
    times.sort()
    return Timing(times[count // 2] * 1e3, times[int(count * 0.99)] * 1e3, cpu * 1e3, size)


class Connection:
    """A client with as little of its own as can be: its time would count as the server's."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        plain = socket.create_connection((parts.hostname, parts.port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = context.wrap_socket(plain)

    def get(self, path: str) -> int:
        """Return the size of the body; the status must be 200."""
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept: application/json, */*\r\n\r\n".encode())
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._socket.recv(1 << 18)
        head, _, body = received.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        at = head.lower().index(b"content-length:") + len(b"content-length:")
        size, got = int(head[at:].split(b"\r\n")[0]), len(body)
        while got < size:
            got += len(self._socket.recv(1 << 18))
        return size


async def poll(port: int) -> None:
    """Poll the mock BMCs as the collector does, and print what it costs."""
    from wao_core.collector.running import collecting
    from wao_core.collector.store import SampleStore
    from wao_core.records import EndpointTerm, Kind, NodeConfig
    from wao_core.source.manifests import ManifestSource

    options = {"tls": {"fingerprint": _fingerprint()}, "sensor": {"uri": SENSOR["@odata.id"], "name": SENSOR["Name"]}}
    with tempfile.TemporaryDirectory() as folder:
        source = ManifestSource(Path(folder))
        for number, address in enumerate(ADDRESSES):
            endpoint = f"https://{address}:{port}"
            term = EndpointTerm(type="Redfish", endpoint=endpoint, fetch_interval=INTERVAL, options=options)
            config = NodeConfig(name=f"n{number}", namespace="x", node_name=f"n{number}", metrics={"inlet_temp": term})
            source.state.put(Kind.NODE_CONFIG, config)
        reads: list[str] = []
        began = time.perf_counter()
        observe: Callable[..., None] = lambda _spec, _seconds, kind: reads.append(kind)  # noqa: E731
        async with collecting(source, SampleStore(), observe=observe) as collector:
            while not collector.tried_all:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            print(f"first reading of {BMCS} BMCs over TLS: {time.perf_counter() - began:.1f} s")
            costs = []
            for _ in range(WINDOWS):
                count, cpu = len(reads), time.process_time()
                await asyncio.sleep(SECONDS)
                costs.append((time.process_time() - cpu) / (len(reads) - count))
    each, failed = min(costs), sum(1 for kind in reads if kind)  # others on the machine only ever add
    bare = await _bare_polls(port)
    print(f"polls of {BMCS} BMCs every {INTERVAL:g} s: {each * 1e3:.3f} s CPU per 1,000 readings, {failed} failed")
    print(f"the same GETs by aiohttp alone: {bare * 1e3:.3f} s CPU per 1,000; ratio {each / bare:.2f}")
    print(f"5,000 BMCs every 10 s would take {each * 500:.0%} of one core (wanted: at most 30 %)")


async def _bare_polls(port: int) -> float:
    """Return the CPU seconds of one GET by aiohttp with nothing around it: what this machine asks for at the least."""
    import aiohttp

    urls = [f"https://{address}:{port}{SENSOR['@odata.id']}" for address in ADDRESSES]
    pin = aiohttp.Fingerprint(bytes.fromhex(_fingerprint()))
    costs = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=BMCS, keepalive_timeout=120)) as session:

        async def get(number: int) -> None:
            await asyncio.sleep(number * INTERVAL / BMCS)  # spread as the polls are
            async with session.get(urls[number], ssl=pin) as response:
                await response.read()

        for _ in range(WINDOWS + 1):
            cpu = time.process_time()
            await asyncio.gather(*map(get, range(BMCS)))
            costs.append((time.process_time() - cpu) / BMCS)
    return min(costs[1:])  # the first round makes the connections


@contextmanager
def serving(target: Callable[[int], None]) -> Iterator[tuple[str, int]]:
    """Run a server in a process of its own; yields its URL and process number."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    process = multiprocessing.get_context("spawn").Process(target=target, args=(port,), daemon=True)
    process.start()
    try:
        _wait_for(port)
        yield f"https://127.0.0.1:{port}", process.pid or 0
    finally:
        process.terminate()
        process.join(10)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _wait_for(port: int) -> None:
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"no server on port {port}")


def _serve_bare(port: int) -> None:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    async def fixed(_request: Request) -> Response:
        return Response(FIXED, media_type="application/json")

    _serve(Starlette(routes=[Route("/fixed", fixed)]), port)


def _serve_api(port: int) -> None:
    from wao_core.collector.store import Sample, SampleStore
    from wao_core.records import Kind, Node
    from wao_core.state import ClusterState
    from wao_metrics_api.app import create_app, new_parts

    state, store = ClusterState(), SampleStore()
    state.replace(Kind.NODE, [Node(name=f"node-{number}") for number in range(NODES)])
    for number in range(NODES):
        store.put(f"node-{number}", "inlet_temp", Sample(20 + number / 1000, time.time(), ttl=3600.0, source="Fake"))
    _serve(create_app(state, new_parts(store)), port)


def _serve(app: object, port: int) -> None:
    from wao_core.serving.health import HealthChecks
    from wao_core.serving.options import LogLevel, ServerOptions
    from wao_core.serving.server import run, serve

    options = ServerOptions(port=port, log_level=LogLevel.ERROR)
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)  # where it listens is known
    run(lambda: serve(app, options, HealthChecks()), options)  # type: ignore[arg-type]


def _serve_bmcs(port: int) -> None:
    import uvloop

    body = json.dumps(SENSOR).encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    class Bmc(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self._transport, self._received = cast(asyncio.Transport, transport), b""

        def data_received(self, data: bytes) -> None:
            self._received += data
            while b"\r\n\r\n" in self._received:
                self._received = self._received.partition(b"\r\n\r\n")[2]
                self._transport.write(answer)

    async def serve() -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*_certificate())
        # every address of 127.0.0.0/8 is this machine: one process plays all BMCs, and listens nowhere else
        server = await asyncio.get_running_loop().create_server(
            Bmc, ["127.0.0.1", *ADDRESSES], port, ssl=context, backlog=64
        )
        await server.serve_forever()

    uvloop.run(serve())


def _certificate() -> tuple[Path, Path]:
    from wao_core.serving.certificates import bootstrap_certificate

    return bootstrap_certificate(Path(tempfile.gettempdir()) / f"wao-bench-{os.getuid()}", [])


def _fingerprint() -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(_certificate()[0].read_text())).hexdigest()


if __name__ == "__main__":
    main()
