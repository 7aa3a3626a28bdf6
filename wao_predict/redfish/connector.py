"""Redfish login and transport through sushy, behind a connector that keeps credentials on their own host.

As shipped, sushy follows redirects and absolute @odata.id links and sends credentials along. Here every path must lie
under /redfish/ on the same BMC and redirects are refused.
"""

from __future__ import annotations

import logging
import ssl
import warnings
from collections.abc import Callable
from typing import Any, Literal

from wao_predict.connection import Credentials, HttpOptions, TlsPolicy, origin_of
from wao_predict.errors import MissingExtra, ProtocolError, RemoteError, RemoteTimeout, UsageError
from wao_predict.flow import Request, Response
from wao_predict.redfish.explorer import safe_path

Auth = Literal["auto", "session", "basic"]
_log = logging.getLogger(__name__)


class SushyTransport:
    """A `flow.Transport` to one BMC, on sushy's session handling.

    Parameters
    ----------
    base_url
        https://host[:port] of the BMC.
    auth
        "session" logs in once and logs out on `close`; "basic" sends the credentials with each request; "auto" tries a
        session and falls back to basic.

    Raises
    ------
    MissingExtra
        sushy is not installed.
    RemoteError
        The BMC is away, or refuses the login.
    """

    def __init__(
        self,
        base_url: str,
        *,
        credentials: Credentials,
        tls: TlsPolicy | None = None,
        options: HttpOptions | None = None,
        auth: Auth = "auto",
    ) -> None:
        try:
            import sushy
            from sushy import auth as sushy_auth
        except ImportError as error:
            raise MissingExtra("Redfish login", "redfish") from error
        logging.getLogger("sushy").setLevel(logging.WARNING)  # it logs whole bodies at DEBUG
        self._base = base_url.rstrip("/")
        origin_of(base_url)
        self._connector = _connector_class()(base_url, tls or TlsPolicy(), options or HttpOptions())

        def login(kind: str) -> Any:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                chosen = _authentication(sushy_auth, credentials, kind)
                return sushy.Sushy(self._base, auth=chosen, connector=self._connector)

        self._root = self._log_in(login, auth)

    def _log_in(self, login: Callable[[str], Any], auth: Auth) -> Any:
        """Log in; with "auto" a BMC that has no session left, or none at all, is asked with basic authentication."""
        try:
            return self._guarded("/redfish/v1/", lambda: login(auth))
        except RemoteError as error:
            if auth != "auto" or error.status_code not in (404, 405, 500, 503):
                raise
            return self._guarded("/redfish/v1/", lambda: login("basic"))

    def send(self, request: Request) -> Response:
        """Return the response to a GET under /redfish/; any status but a refused login."""
        if request.method != "GET" or safe_path(request.url) is None:
            raise ProtocolError(
                f"{request.method} {request.url!r:.80} is not a GET under /redfish/", endpoint=self._base
            )
        try:
            answer: Response = self._guarded(request.url, lambda: self._get(request))
        except RemoteError as error:
            if error.status_code in (None, 401, 403):
                raise
            return Response(error.status_code or 0, b"", {}, error.endpoint)
        return answer

    def close(self) -> None:
        """Log out and close connections; a BMC allows few sessions."""
        try:
            self._root._auth.close()
        except Exception as error:
            _log.info("%s: the session was not closed: %s", self._base, type(error).__name__)
        self._connector.close()

    def _get(self, request: Request) -> Response:
        answer = self._connector._op("GET", path=request.url, max_bytes=request.max_bytes, hand_on=True)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status_code, answer.content, headers, f"{self._base}{request.url}")

    def _guarded(self, path: str, call: Any) -> Any:
        """Run a call into sushy; its exceptions do not leave this module."""
        import requests
        from sushy import exceptions

        where = f"{self._base}{path}"
        try:
            return call()
        except exceptions.HTTPError as error:
            status = int(error.status_code or 0) or None
            refused = "the BMC refused the credentials" if status in (401, 403) else "the BMC answered"
            raise RemoteError(f"{where}: {refused} (status {status})", endpoint=where, status_code=status) from None
        except (requests.Timeout, TimeoutError):
            raise RemoteTimeout(f"{where}: no answer in time", endpoint=where) from None
        except (exceptions.SushyError, requests.RequestException, ssl.SSLError, OSError) as error:
            reason = " ".join(str(error).split())[:300]
            hint = (
                "; give the authority by a CA file, or the certificate's fingerprint" if "CERTIFICATE" in reason else ""
            )
            raise RemoteError(f"{where}: {reason}{hint}", endpoint=where) from None


def _authentication(module: Any, credentials: Credentials, auth: str) -> Any:
    kinds = {"auto": module.SessionOrBasicAuth, "session": module.SessionAuth, "basic": module.BasicAuth}
    if auth not in kinds:
        raise UsageError(f"auth {auth!r:.20}: one of auto, session, basic")
    return kinds[auth](username=credentials.username, password=credentials.password)


def _connector_class() -> Any:
    """Return sushy's connector made safe; a function, as the base class is loaded only when it is needed."""
    from requests.adapters import HTTPAdapter
    from sushy import connector as shipped

    class PinnedAdapter(HTTPAdapter):
        """Accepts exactly the certificate with a fingerprint."""

        def __init__(self, digest: bytes) -> None:
            self._fingerprint = digest.hex()
            super().__init__(max_retries=0)

        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            kwargs |= {"assert_fingerprint": self._fingerprint, "assert_hostname": False, "cert_reqs": "CERT_NONE"}
            super().init_poolmanager(*args, **kwargs)

    class SafeConnector(shipped.Connector):  # type: ignore[misc]
        """Keeps to one BMC: no other host, no redirect, bounded bodies, no proxies and no .netrc."""

        def __init__(self, base_url: str, tls: TlsPolicy, options: HttpOptions) -> None:
            verify: bool | str = not (tls.insecure or tls.fingerprint)
            if tls.ca_file is not None and verify:
                verify = str(tls.ca_file)
            super().__init__(
                base_url.rstrip("/") + "/",
                verify=verify,
                server_side_retries=1,
                server_side_retries_delay=1,
                default_request_timeout=options.timeout,
                connect_timeout=options.connect_timeout,
            )
            self._session.trust_env = False
            self._base = base_url.rstrip("/")
            if (digest := tls.digest()) is not None:
                self._session.mount("https://", PinnedAdapter(digest))

        def _op(
            self,
            method: str,
            path: str = "",
            *args: Any,
            max_bytes: int = 2 * 1024 * 1024,
            hand_on: bool = False,
            **kwargs: Any,
        ) -> Any:
            """Send one request; `hand_on` returns a redirect to the caller, who judges where it leads."""
            path = path.removeprefix(self._base)  # a session's Location may be absolute
            if safe_path(path) is None:
                raise ProtocolError(f"{path!r:.80} is not a path under /redfish/ on this BMC")
            kwargs["allow_redirects"] = False
            answer = super()._op(method, path, *args, **kwargs)
            if 300 <= answer.status_code < 400 and not hand_on:
                raise ProtocolError(f"{path} redirects elsewhere: refused")
            if len(answer.content) > max_bytes:
                raise ProtocolError(f"{path}: the answer is larger than {max_bytes} bytes")
            return answer

        def close(self) -> None:
            """Close all connections."""
            self._session.close()

    return SafeConnector
