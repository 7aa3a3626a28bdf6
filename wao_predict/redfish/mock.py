"""Mock BMCs: HTTP servers that serve Redfish resources, with changing values, power control and faults on demand.

For the demo and for tests; `wao_predict.testing` exports them. A mock BMC checks credentials and keeps connections
alive as a BMC does, and listens on a port of its own.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import json
import secrets
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Documents = Mapping[str, Mapping[str, Any]]
SESSIONS = "/redfish/v1/SessionService/Sessions"
RESET = "/Actions/ComputerSystem.Reset"
MAX_HEAD = 16 * 1024


def load_documents(path: Path) -> dict[str, dict[str, Any]]:
    """Return the resources in a file of lines {"path", "document"}."""
    with path.open(encoding="utf-8") as lines:
        parsed = [json.loads(line) for line in lines if line.strip()]
    return {item["path"]: item["document"] for item in parsed}


@dataclass
class Faults:
    """Faults of a mock BMC; tests change them while it runs."""

    status: int | None = None  # answer everything with it
    gone: set[str] = field(default_factory=set)  # paths that answer 404
    hang: bool = False  # accept and never answer
    reset: bool = False  # close the connection instead of answering
    redirect: str | None = None  # answer everything with a redirect there
    oversized: bool = False  # answer with many megabytes
    retry_after: int | None = None


@dataclass
class MockBmc:
    """One BMC.

    Parameters
    ----------
    documents
        Resources by path.
    inlet
        Path of the inlet's resource, and the JSON pointer to its value, such as "/Temperatures/0/ReadingCelsius".
    temperature, watts
        Give the values that are served now [degC], [W]; None serves what the document says.
    credentials
        User name and password; None lets everyone read.
    basic
        Whether basic authentication works; without it a session is required.
    max_sessions
        Sessions that can be open at a time.

    Attributes
    ----------
    requests
        Method and path of each request, in order.
    resets
        Path of the System and reset type of each ComputerSystem.Reset action, in order.
    power_states
        PowerState of Systems by path; those not in it are as in their documents.
    logins, refusals
        Number of attempts to open a session, and of answers with status 401.
    url
        Where the BMC listens.

    Examples
    --------
    >>> import asyncio
    >>> from wao_predict import Credentials
    >>> from wao_predict.flow import Request
    >>> from wao_predict.transport import AsyncHttpTransport
    >>> async def read() -> bytes:
    ...     async with MockBmc({"/redfish/v1/Chassis/1": {"Id": "1"}}, credentials=("reader", "secret")) as bmc:
    ...         transport = AsyncHttpTransport(bmc.url, credentials=Credentials("reader", "secret"))
    ...         response = await transport.send(Request("GET", "/redfish/v1/Chassis/1"))
    ...         await transport.close()
    ...     return response.body
    >>> asyncio.run(read())
    b'{"Id": "1"}'
    """

    documents: Documents
    inlet: tuple[str, str] | None = None
    temperature: Callable[[], float] | None = None
    power: tuple[str, str] | None = None
    watts: Callable[[], float] | None = None
    credentials: tuple[str, str] | None = None
    basic: bool = True
    max_sessions: int = 8
    faults: Faults = field(default_factory=Faults)
    requests: list[str] = field(default_factory=list)
    resets: list[tuple[str, str]] = field(default_factory=list)
    power_states: dict[str, str] = field(default_factory=dict)
    logins: int = 0
    refusals: int = 0
    url: str = ""
    _tokens: dict[str, str] = field(default_factory=dict)
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self, host: str = "127.0.0.1", port: int = 0, *, tls: ssl.SSLContext | None = None) -> None:
        """Listen; `url` is set afterwards."""
        self._server = await asyncio.start_server(self._serve, host, port, ssl=tls, limit=MAX_HEAD)
        bound = self._server.sockets[0].getsockname()[1]
        self.url = f"{'http' if tls is None else 'https'}://{host}:{bound}"

    async def stop(self) -> None:
        """Close the socket and all connections, and wait until their tasks have ended."""
        if self._server is not None:
            self._server.close()
        for writer in tuple(self._writers):
            writer.close()
        if self._serving:
            await asyncio.wait(self._serving, timeout=1.0)
        for writer in tuple(self._writers):  # whose peer reads no more
            writer.transport.abort()
        if self._serving:
            await asyncio.wait(self._serving)
        if self._server is not None:
            await self._server.wait_closed()

    async def __aenter__(self) -> MockBmc:
        if self._server is None:
            await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def expire_sessions(self) -> None:
        """Forget all sessions, as BMCs do after some minutes."""
        self._tokens.clear()

    @property
    def sessions(self) -> int:
        """Sessions that are open."""
        return len(self._tokens)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        if (task := asyncio.current_task()) is not None:
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, target, headers = _parse(head)
                body = await reader.readexactly(int(headers.get("content-length", "0") or 0))
                if not await self._answer(writer, method, target, headers, body):
                    break
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError, ssl.SSLError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()
            with contextlib.suppress(Exception):
                await writer.wait_closed()

    async def _answer(
        self, writer: asyncio.StreamWriter, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> bool:
        """Send one answer; False ends the connection."""
        self.requests.append(f"{method} {target}")
        if self.faults.reset:
            return False
        if self.faults.hang:
            await writer.wait_closed()
            return False
        status, document, extra = self._respond(method, target, headers, body)
        self.refusals += status == 401
        content = b"" if document is None else json.dumps(document).encode()
        if self.faults.oversized:
            content = b'{"x":"' + b"a" * (4 * 1024 * 1024) + b'"}'
        lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}", "Content-Type: application/json"]
        lines += [f"Content-Length: {len(content)}", *(f"{name}: {value}" for name, value in extra.items())]
        closing = headers.get("connection", "").lower() == "close"
        if closing:
            lines.append("Connection: close")
        writer.write("\r\n".join([*lines, "", ""]).encode() + content)
        await writer.drain()
        return not closing

    def _respond(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, Any] | None, dict[str, str]]:
        path = target.partition("?")[0].rstrip("/") or "/"
        if self.faults.redirect is not None:
            return 302, None, {"Location": self.faults.redirect}
        if self.faults.status is not None:
            wait = {} if self.faults.retry_after is None else {"Retry-After": str(self.faults.retry_after)}
            return self.faults.status, {"error": {"message": "fault"}}, wait
        if method == "POST" and path == SESSIONS:
            return self._login(body)
        if path != "/redfish/v1" and not self._knows(headers):
            challenge = {"WWW-Authenticate": 'Basic realm="BMC"'} if self.basic else {}
            return 401, {"error": {"message": "no valid credentials"}}, challenge
        if method == "DELETE" and path.startswith(f"{SESSIONS}/"):
            gone = [token for token, number in self._tokens.items() if number == path.rpartition("/")[2]]
            for token in gone:
                del self._tokens[token]
            return 204 if gone else 404, None, {}
        if method == "POST" and path.endswith(RESET):
            return self._reset(path.removesuffix(RESET), body)
        if method != "GET":
            return 405, {"error": {"message": "only GET"}}, {}
        if path in self.faults.gone or path not in self.documents:
            return 404, {"error": {"message": "not here"}}, {}
        return 200, self._current(path), {}

    def _login(self, body: bytes) -> tuple[int, Mapping[str, Any], dict[str, str]]:
        self.logins += 1
        given = json.loads(body or b"{}")
        pair = (str(given.get("UserName")), str(given.get("Password")))
        if self.credentials is None or not _same(pair, self.credentials):
            return 401, {"error": {"message": "wrong credentials"}}, {}
        if len(self._tokens) >= self.max_sessions:
            return 503, {"error": {"code": "RAC0218", "message": "the maximum number of sessions is reached"}}, {}
        token, number = secrets.token_hex(16), str(self.logins)
        self._tokens[token] = number
        location = f"{SESSIONS}/{number}"
        return 201, {"@odata.id": location, "Id": number}, {"X-Auth-Token": token, "Location": location}

    def _reset(self, system: str, body: bytes) -> tuple[int, Mapping[str, Any] | None, dict[str, str]]:
        """Change the power state of a System, if the reset type is among those that it allows."""
        document = self.documents.get(system, {})
        action = document.get("Actions", {}).get("#ComputerSystem.Reset", {})
        info = self.documents.get(action.get("@Redfish.ActionInfo", ""), {})
        listed = [each.get("AllowableValues", ()) for each in info.get("Parameters", ())]
        listed.append(action.get("ResetType@Redfish.AllowableValues", ()))
        kind = json.loads(body or b"{}").get("ResetType")
        if not any(kind in values for values in listed):
            return 400, {"error": {"message": f"ResetType {kind} is not allowed"}}, {}
        self.resets.append((system, kind))
        self.power_states[system] = "Off" if kind in ("ForceOff", "GracefulShutdown") else "On"
        return 204, None, {}

    def _knows(self, headers: Mapping[str, str]) -> bool:
        if self.credentials is None or headers.get("x-auth-token", "") in self._tokens:
            return True
        kind, _, encoded = headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic" or not self.basic:
            return False
        try:
            user, _, password = base64.b64decode(encoded).decode().partition(":")
        except ValueError:
            return False
        return _same((user, password), self.credentials)

    def _current(self, path: str) -> Mapping[str, Any]:
        document = self.documents[path]
        if path in self.power_states:
            document = {**document, "PowerState": self.power_states[path]}
        for place, value in ((self.inlet, self.temperature), (self.power, self.watts)):
            if place is not None and value is not None and place[0] == path:
                document = _with(document, place[1].strip("/").split("/"), round(value(), 1))
        return document


_REASONS = {200: "OK", 201: "Created", 204: "No Content", 302: "Found", 401: "Unauthorized", 404: "Not Found"}


def _parse(head: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name
    }
    return method, target, headers


def _same(given: tuple[str, str], wanted: tuple[str, str]) -> bool:
    return hmac.compare_digest(f"{given[0]}\0{given[1]}".encode(), f"{wanted[0]}\0{wanted[1]}".encode())


def _with(value: Any, path: list[str], leaf: float) -> Any:
    """Return a copy of a JSON value with one leaf replaced, without the captured statistics that contradict it."""
    if not path:
        return leaf
    if isinstance(value, list):
        index = int(path[0])
        return [_with(item, path[1:], leaf) if position == index else item for position, item in enumerate(value)]
    kept = {name: item for name, item in value.items() if name != "PowerMetrics"}
    return {**kept, path[0]: _with(value.get(path[0]), path[1:], leaf)}


class MockPressureApi(MockBmc):
    """A differential pressure API in the same manner: any /api/sensor/... answers the pressure of now.

    Parameters
    ----------
    pressure
        Gives the pressure of a path's last part (a node's name, address or sensor id) [Pa].
    """

    def __init__(self, pressure: Callable[[str], float]) -> None:
        super().__init__(documents={})
        self._pressure = pressure

    def _respond(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, Any] | None, dict[str, str]]:
        path = target.partition("?")[0].rstrip("/")
        if not path.startswith("/api/sensor/"):
            return 404, {"code": 404, "message": "no such sensor"}, {}
        name = path.rpartition("/")[2]
        sensor = {"sensorid": name, "pressure": round(self._pressure(name), 2), "temperature": 24.0}
        return 200, {"code": 200, "sensor": [sensor]}, {}
