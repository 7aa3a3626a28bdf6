"""Mock BMCs for benchmarks: one process plays thousands, each at an address of its own on the loopback interface."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
import ssl
import tempfile
from pathlib import Path
from typing import cast

SENSOR = {
    "@odata.id": "/redfish/v1/Chassis/1/Sensors/Inlet",
    "Id": "Inlet",
    "Name": "Inlet Temp",
    "Reading": 22.5,
    "ReadingUnits": "Cel",
    "Status": {"State": "Enabled", "Health": "OK"},
    "Description": "x" * 500,
}


def addresses(count: int) -> list[str]:
    """Return so many addresses of 127.0.0.0/8."""
    return [f"127.1.{number // 250}.{number % 250 + 1}" for number in range(count)]


def serve_bmcs(port: int) -> None:
    """Answer every request on every loopback address with the one sensor, over TLS, until terminated."""
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
        context.load_cert_chain(*certificate())
        server = await asyncio.get_running_loop().create_server(Bmc, sock=_loopback(port), ssl=context)
        await server.serve_forever()

    uvloop.run(serve())


def _loopback(port: int) -> socket.socket:
    """Return a socket that listens on all addresses of the loopback interface and on no other interface."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
    listening.bind(("0.0.0.0", port))  # of the loopback interface only
    listening.listen(1024)
    listening.setblocking(False)
    return listening


def certificate() -> tuple[Path, Path]:
    """Return the mock BMCs' certificate and key; made once."""
    from wao_core.certificates.self_signed import bootstrap_certificate

    return bootstrap_certificate(Path(tempfile.gettempdir()) / f"wao-bench-{os.getuid()}", [])


def fingerprint() -> str:
    """Return the SHA-256 of the mock BMCs' certificate in hex."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate()[0].read_text())).hexdigest()
