"""Real servers in processes of their own, their resources, and clients that do to them what clients should not."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fakes.api_server import ApiServer
from tests.fakes.workload_manifests import memory_limit
from tests.netns.conftest import why_not

ROOT = Path(__file__).parents[2]
FLEET = ROOT / "examples" / "fleet"
MIB = 1024 * 1024
THOROUGH = bool(os.environ.get("WAO_FAULTS"))
"""Whether every combination of a fault and a server is tested, which takes ten minutes."""
SERVED = 1.0
"""Seconds within which a good client must have its response, whatever others do."""
SERVERS = ("scheduler", "metrics-api", "lb", "controller")
AGENT = "lb-agent"
"""The server that needs a network namespace: `make test-netns` includes its tests."""
POST = {
    "scheduler": "/v1/what-if",
    "metrics-api": "/healthz",
    "lb": "/v3/discovery:endpoints",
    "controller": "/healthz",
}
"""A path of each server to post to. Those whose servers accept no body refuse it when it is complete."""


@dataclass
class ServerProcess:
    """A running `wao` command that serves HTTP over TLS.

    Parameters
    ----------
    open_socket
        Makes a socket from which the server can be reached.
    """

    name: str
    process: subprocess.Popen[str]
    port: int
    log: Path
    open_socket: Callable[[], socket.socket] = socket.socket
    waits: list[float] = field(default_factory=list)

    def connect(self) -> socket.socket:
        """Return a TCP connection on which nothing was sent."""
        client = self.open_socket()
        client.settimeout(30)
        try:
            client.connect(("127.0.0.1", self.port))
        except OSError:
            client.close()
            raise
        return client

    def connect_tls(self) -> ssl.SSLSocket:
        """Return a connection after its handshake."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client = self.connect()
        try:
            return context.wrap_socket(client)
        except OSError:
            client.close()
            raise

    def ask(self, path: str = "/livez", body: bytes | None = None) -> tuple[int, bytes]:
        """Return the status and body of the response to a new client."""
        head = f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        head += "" if body is None else f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        with self.connect_tls() as client:
            client.sendall(head.encode() + b"\r\n" + (body or b""))
            received, _, content = read_all(client).partition(b"\r\n\r\n")
        return int(received.split()[1]) if received else 0, content

    def serve_good_client(self) -> float:
        """Return the seconds until a new client has its response, which must be 200 and come within `SERVED`.

        The time that this process and the server waited for a free CPU does not count.
        """
        busy, began = self._cpu_waits(), time.monotonic()
        status, content = self.ask()
        took = time.monotonic() - began - (self._cpu_waits() - busy)
        assert status == 200, f"{self.name}: {status} {content!r}"
        assert took < SERVED, f"{self.name} served after {took:.2f} s"
        self.waits.append(took)
        return took

    def ready(self) -> bool:
        """Return whether the server says so."""
        return self.ask("/readyz")[0] == 200

    def assert_within_its_memory(self) -> None:
        """Check the peak of the resident memory against the limit in the manifest."""
        assert self.peak() < memory_limit(f"wao-{self.name}"), f"{self.name}: {self.peak() / MIB:.0f} MiB"

    def resident(self) -> int:
        """Return the resident memory [bytes]."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def peak(self) -> int:
        """Return the largest resident memory [bytes] since the start or the last `reset_peak`."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    def reset_peak(self) -> int:
        """Return the resident memory [bytes], which is the peak from now on."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")
        return self.resident()

    def descriptors(self) -> int:
        """Return the number of open descriptors."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def cpu(self) -> float:
        """Return the CPU time [s]."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def terminate(self) -> float:
        """Return the seconds from SIGTERM to the end of the process, without those that it waited for a free CPU."""
        busy, began = self._cpu_waits(), time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        waited = busy
        while self.process.poll() is None:
            waited = max(waited, self._cpu_waits())
            time.sleep(0.02)  # between two looks
            assert time.monotonic() - began < 60, f"{self.name} does not end"
        return time.monotonic() - began - (waited - busy)

    def _cpu_waits(self) -> float:
        """Return the seconds that the main threads of the server and of this process have waited for a CPU."""
        total = 0
        for pid in (self.process.pid, os.getpid()):
            with suppress(OSError):
                total += int(Path(f"/proc/{pid}/schedstat").read_text().split()[1])
        return total / 1e9


@contextmanager
def running(
    name: str,
    folder: Path,
    *more: str,
    manifests: Path | None = FLEET,
    descriptors: int | None = None,
    file_size: int | None = None,
    module: str = "wao_predict.cli",
    source: Path = ROOT,
) -> Iterator[ServerProcess]:
    """Run one server on the manifests of an example, or on the API server that `more` names; its log is in `folder`.

    Parameters
    ----------
    manifests
        The folder to read; None where `more` has `--kubeconfig`.
    descriptors, file_size
        The process's own limits: number of descriptors, size of any file [bytes].
    module
        The Python module that runs the command.
    source
        The folder of the code, such as the worktree of another commit.
    """
    limits = {resource.RLIMIT_NOFILE: descriptors, resource.RLIMIT_FSIZE: file_size}

    def limit() -> None:
        for kind, most in limits.items():
            if most is not None:
                resource.setrlimit(kind, (most, most))

    with ExitStack() as stack:
        arguments = [*more]
        if name == "controller" and manifests is not None:
            api = stack.enter_context(ApiServer(sorted(manifests.glob("*.yaml"))))
            arguments += ["--no-leader-elect", "--kubeconfig", str(api.kubeconfig(folder, name))]
        elif manifests is not None:
            arguments += ["--manifests", str(manifests)]
        within, open_socket = stack.enter_context(_namespace()) if name == AGENT else ((), socket.socket)
        command = [*within, sys.executable, "-m", module, name, *arguments]
        log = folder / f"{name}.log"
        with log.open("w") as errors:
            process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=folder,
                preexec_fn=limit,
                env=_environment(source),
            )
        stack.callback(_end, process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening on https://"), line + log.read_text()
        server = ServerProcess(name, process, int(line.strip().rpartition(":")[2]), log, open_socket)
        server.ask()
        yield server


def _environment(source: Path) -> dict[str, str]:
    """Return the environment of a server; without compiled bytecode each start would compile its imports."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": str(source)}


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


@contextmanager
def _namespace() -> Iterator[tuple[Sequence[str], Callable[[], socket.socket]]]:
    """Yield how to start a process in a network namespace of its own, and how to make a socket in it."""
    assert not (why := why_not()), why
    name = f"wao-faults-{os.urandom(3).hex()}"
    subprocess.run(["ip", "netns", "add", name], check=True, timeout=30)
    try:
        within = ("ip", "netns", "exec", name)
        subprocess.run([*within, "ip", "link", "set", "lo", "up"], check=True, timeout=30)
        yield within, lambda: _socket_in(Path("/run/netns") / name)
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False, timeout=30)


def _socket_in(namespace: Path) -> socket.socket:
    """Return a socket of another network namespace: a socket stays where it was made."""
    library = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as here, namespace.open() as there:
        if library.setns(there.fileno(), 0):
            raise OSError(ctypes.get_errno(), "setns")
        try:
            return socket.socket()
        finally:
            library.setns(here.fileno(), 0)


def read_all(client: socket.socket) -> bytes:
    """Return what arrives until the end of the connection."""
    received = bytearray()
    with suppress(OSError):
        while part := client.recv(65536):
            received += part
    return bytes(received)


def send_until_refused(client: socket.socket, head: bytes, repeated: bytes, size: int) -> int:
    """Send `head`, then `size` bytes of a repeated part; return how much was sent before the server closed."""
    sent, part = 0, repeated * max(1, 65536 // len(repeated))
    with suppress(OSError):
        client.sendall(head)
        while sent < size:
            client.sendall(part)
            sent += len(part)
    return sent


def seconds_until(condition: Callable[[], object], most: float, what: str) -> float:
    """Return the seconds until the condition is true; fails after `most` seconds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < most, f"not within {most:g} s: {what}"
        time.sleep(0.05)  # between two looks
    return time.monotonic() - began


def tracebacks(log: Path) -> list[str]:
    """Return the last lines of the tracebacks in a log."""
    lines = log.read_text(errors="replace").splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("Traceback")]
    return [next((line for line in lines[start + 1 :] if not line.startswith(" ")), "") for start in starts]


def prioritize_body(nodes: Sequence[str]) -> bytes:
    """Return what kube-scheduler posts to the extender for a pod of 1 core."""
    spec = {"containers": [{"resources": {"requests": {"cpu": "1"}}}]}
    pod: dict[str, Any] = {"metadata": {"name": "p", "namespace": "default", "uid": "p"}, "spec": spec}
    return json.dumps({"Pod": pod, "NodeNames": list(nodes)}).encode()


def report(figures: str) -> None:
    """Print what was measured; `pytest -s` shows it."""
    sys.stdout.write(f"\n{figures}\n")
