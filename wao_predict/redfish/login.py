"""Log in to a BMC: basic authentication first, a session only where the BMC offers no basic authentication.

One flow without I/O serves the collector, the command line and notebooks. Basic authentication leaves no session on
the BMC, which allows few (DMTF DSP0266, 13.3). BMCs lock accounts after a few failed logins; so wrong credentials cost
one failed login, and the next attempt comes with other credentials or after minutes.
"""

from __future__ import annotations

import json
import logging
import time
from base64 import b64encode
from collections.abc import Callable
from urllib.parse import urlsplit

from wao_predict.backoff import Backoff
from wao_predict.connection import Credentials
from wao_predict.errors import RemoteError
from wao_predict.flow import KIB, Flow, Request, Response
from wao_predict.redfish.explorer import decode, moved_to, safe_path
from wao_predict.redfish.values import mapping, text

ROOT = "/redfish/v1/"
DEFAULT_SESSIONS = "/redfish/v1/SessionService/Sessions"
FIRST_WAIT, LONGEST_WAIT = 300.0, 3600.0  # seconds to the next attempt with refused credentials
_log = logging.getLogger(__name__)

Send = Callable[[Request], Flow[Response]]


def send_once(request: Request) -> Flow[Response]:
    """Send a request without retries."""
    response: Response = yield request
    return response


def basic_authorization(credentials: Credentials) -> str:
    """Return the value of the Authorization header (RFC 7617, in UTF-8)."""
    pair = f"{credentials.username}:{credentials.password}".encode()
    return f"Basic {b64encode(pair).decode()}"


class RedfishLogin:
    """The login state of one BMC. Send requests through `exchange`; call `end` when done.

    Parameters
    ----------
    send
        Sends one request; may repeat it after transient faults. A login is never repeated.
    clock
        Returns seconds of a monotonic clock.

    Examples
    --------
    >>> from wao_predict.flow import Request, run
    >>> from wao_predict.testing import MockTransport, json_response
    >>> login = RedfishLogin()
    >>> transport = MockTransport(lambda request: json_response({}))
    >>> run(login.exchange(Request("GET", "/redfish/v1/Chassis"), Credentials("reader", "secret")), transport).status
    200
    >>> transport.requests[0].headers
    {'Authorization': 'Basic cmVhZGVyOnNlY3JldA=='}
    """

    def __init__(self, send: Send = send_once, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._send, self._clock = send, clock
        self._token = ""
        self._session = ""  # its path
        self._needs_session = False
        self._refused: Credentials | None = None
        self._refused_at = ""  # the URL
        self._retry_at = 0.0
        self._backoff = Backoff(FIRST_WAIT, LONGEST_WAIT)
        self._credentials: Credentials | None = None
        self._authorization = ""

    @property
    def logged_in(self) -> bool:
        """Whether a session is open on the BMC."""
        return bool(self._token)

    def exchange(self, request: Request, credentials: Credentials) -> Flow[Response]:
        """Send a request to the BMC with credentials and return its response.

        Raises
        ------
        RemoteError
            The BMC refused the credentials, now or a short time ago (status 401), or has no free session (status 503).
        """
        if credentials == self._refused and self._clock() < self._retry_at:
            raise self._refusal()
        if self._token and credentials != self._credentials:
            yield from self.end()
        if not self._needs_session or self._token:
            response = yield from self._send(self._authenticated(request, credentials))
            if response.status != 401:
                self._refused = None
                return response
            if not self._token and _offers_basic(response):
                raise self._refuse(response.url or request.url, credentials)
        yield from self._begin(request, credentials)
        response = yield from self._send(self._authenticated(request, credentials))
        if response.status == 401:
            yield from self.end()
            raise self._refuse(response.url or request.url, credentials)
        self._refused = None
        return response

    def end(self) -> Flow[None]:
        """Log out. A BMC that does not answer ends the session by itself after some minutes."""
        token, self._token = self._token, ""
        if not token or not self._session:
            return
        try:
            yield _plain("DELETE", self._session, {"X-Auth-Token": token})
        except RemoteError as error:
            _log.info("a session was not closed: %s", error)

    def _authenticated(self, request: Request, credentials: Credentials) -> Request:
        if credentials is not self._credentials:
            self._credentials, self._authorization = credentials, basic_authorization(credentials)
        headers = dict(request.headers)
        if self._token:
            headers["X-Auth-Token"] = self._token
        else:
            headers["Authorization"] = self._authorization
        # dataclasses.replace takes a tenth of a poll's time
        return Request(request.method, request.url, headers, request.body, request.max_bytes, authenticate=False)

    def _begin(self, request: Request, credentials: Credentials) -> Flow[None]:
        """Open a session."""
        self._token = ""
        path = yield from self._sessions()
        body = json.dumps({"UserName": credentials.username, "Password": credentials.password}).encode()
        answer = yield _plain("POST", path, {"Content-Type": "application/json"}, body)
        if (target := moved_to(answer)) is not None:  # older Supermicro BMCs add a slash
            answer = yield _plain("POST", target, {"Content-Type": "application/json"}, body)
        self._needs_session = True
        if answer.status in (200, 201):
            self._token = answer.headers.get("x-auth-token", "")
            self._session = safe_path(urlsplit(answer.headers.get("location", "")).path) or ""
        if self._token:
            self._credentials, self._authorization = credentials, basic_authorization(credentials)
            return
        where = answer.url or request.url
        if answer.status in (400, 401, 403, 404, 405):
            self._needs_session = answer.status not in (404, 405)
            raise self._refuse(where, credentials)
        raise RemoteError(
            f"{where}: the BMC opens no session (status {answer.status}); it may have no free one",
            endpoint=where,
            status_code=answer.status,
        )

    def _sessions(self) -> Flow[str]:
        """Return the path where sessions are opened; older BMCs do not use the standard's."""
        answer = yield from self._send(_plain("GET", ROOT, {}))
        root = decode(answer.body) if answer.status == 200 else None
        named = mapping(mapping(mapping(root).get("Links")).get("Sessions")).get("@odata.id")
        return safe_path(text(named)) or DEFAULT_SESSIONS

    def _refuse(self, where: str, credentials: Credentials) -> RemoteError:
        """Remember refused credentials, and return the error."""
        if credentials != self._refused:
            self._backoff.reset()
        self._refused, self._refused_at = credentials, where
        self._retry_at = self._clock() + self._backoff.next()
        return self._refusal()

    def _refusal(self) -> RemoteError:
        minutes = max(1, round((self._retry_at - self._clock()) / 60.0))
        return RemoteError(
            f"{self._refused_at}: the BMC refused the credentials (status 401); the next attempt is in {minutes} min, "
            "or with other credentials",
            endpoint=self._refused_at,
            status_code=401,
        )


def _offers_basic(response: Response) -> bool:
    """Whether the BMC asks for basic authentication: the credentials are wrong then, and a session would not help."""
    return "basic" in response.headers.get("www-authenticate", "").lower()


def _plain(method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> Request:
    """Return a request to which the transport adds no credentials."""
    return Request(method, path, headers, body, 256 * KIB, authenticate=False)
