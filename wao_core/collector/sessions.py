"""Redfish sessions for BMCs that refuse basic authentication (DMTF DSP0266, 13.3).

Basic authentication is tried first: it leaves no session behind, and BMCs allow few. One session is kept per BMC and
deleted at the end; a login that is refused is not repeated with the same password.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from wao_predict.connection import Credentials
from wao_predict.errors import RemoteError
from wao_predict.flow import KIB, Request, Response
from wao_predict.redfish.explorer import decode, safe_path

ROOT = "/redfish/v1/"
DEFAULT_SESSIONS = "/redfish/v1/SessionService/Sessions"
_log = logging.getLogger(__name__)

Send = Callable[[Request], Awaitable[Response]]


class RedfishLogin:
    """The session of one BMC.

    Parameters
    ----------
    send
        Sends one request to the BMC without credentials.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._location = ""
        self._refused: Credentials | None = None
        self.token = ""

    async def begin(self, credentials: Credentials) -> bool:
        """Log in and return whether there is a session now; raises `RemoteError` when the BMC is away."""
        self.token = ""
        if credentials == self._refused:
            return False
        body = json.dumps({"UserName": credentials.username, "Password": credentials.password}).encode()
        path = await self._sessions()
        headers = {"Content-Type": "application/json"}
        answer = await self._send(Request("POST", path, headers, body, 64 * KIB, authenticate=False))
        self.token = answer.headers.get("x-auth-token", "") if answer.status in (200, 201) else ""
        if not self.token and answer.status in (400, 401, 403, 404, 405):
            self._refused = credentials
        self._location = self._path(answer.headers.get("location", ""))
        return bool(self.token)

    async def refuse(self, credentials: Credentials) -> None:
        """Give the session back: what it opened is closed again, so it would be of no use the next time either."""
        self._refused = credentials
        await self.end()

    async def end(self) -> None:
        """Log out; a BMC that is away has forgotten us soon anyway."""
        token, self.token = self.token, ""
        if not token or not self._location:
            return
        headers = {"X-Auth-Token": token}
        try:
            await self._send(Request("DELETE", self._location, headers, None, 64 * KIB, authenticate=False))
        except RemoteError as error:
            _log.info("a session was not closed: %s", error)

    async def _sessions(self) -> str:
        """Return where sessions are made: older BMCs have another place than the standard's."""
        answer = await self._send(Request("GET", ROOT, {}, None, 256 * KIB, authenticate=False))
        root: Any = decode(answer.body) if answer.status == 200 else None
        try:
            return safe_path(root["Links"]["Sessions"]["@odata.id"]) or DEFAULT_SESSIONS
        except (KeyError, TypeError):
            return DEFAULT_SESSIONS

    @staticmethod
    def _path(location: str) -> str:
        """Return the path of a session; its host, should it name one, is not believed."""
        return safe_path(urlsplit(location).path) or ""
