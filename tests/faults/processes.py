"""A real server in a process of its own, its resources, and clients that do to it what clients should not."""

from __future__ import annotations

import os
import resource
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FLEET = Path(__file__).parents[2] / "examples" / "fleet"
MIB = 1024 * 1024


@dataclass
class ServerProcess:
    """`wao scheduler` on the manifests of an example."""

    process: subprocess.Popen[str]
    port: int

    def connect(self) -> socket.socket:
        """Return a TCP connection on which nothing was sent."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def connect_tls(self) -> ssl.SSLSocket:
        """Return a connection after its handshake."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(self.connect())

    def serve_good_client(self) -> float:
        """Return the seconds until a new client has its response; the status must be 200."""
        began = time.monotonic()
        with self.connect_tls() as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert read_all(client).startswith(b"HTTP/1.1 200 ")
        return time.monotonic() - began

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
        """Return the seconds from SIGTERM to the end of the process."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(40)
        return time.monotonic() - began


@contextmanager
def scheduler(log: Path, *, descriptors: int | None = None) -> Iterator[ServerProcess]:
    """Run the server, with its own limit of descriptors; its log goes to a file."""

    def limit() -> None:
        if descriptors is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

    command = [sys.executable, "-m", "wao_predict.cli", "scheduler", "--manifests", str(FLEET)]
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=log.parent, preexec_fn=limit
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening on https://"), line
        server = ServerProcess(process, int(line.strip().rpartition(":")[2]))
        server.serve_good_client()
        yield server
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def read_all(client: socket.socket) -> bytes:
    """Return what arrives until the end of the connection."""
    received = bytearray()
    try:
        while part := client.recv(65536):
            received += part
    except OSError:
        pass
    return bytes(received)


def send_until_refused(client: socket.socket, head: bytes, repeated: bytes, size: int) -> int:
    """Send `head`, then `size` bytes of a repeated part; return how much was sent before the server closed."""
    sent, part = 0, repeated * max(1, 65536 // len(repeated))
    try:
        client.sendall(head)
        while sent < size:
            client.sendall(part)
            sent += len(part)
    except OSError:
        pass
    return sent


def report(figures: str) -> None:
    """Print what was measured; `pytest -s` shows it."""
    sys.stdout.write(f"\n{figures}\n")
