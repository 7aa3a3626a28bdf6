"""Switch servers on and off through their BMCs (DMTF DSP0266, ComputerSystem.Reset), on sushy.

sushy blocks: call this module in a thread (`asyncio.to_thread`). As shipped, sushy follows redirects and absolute
@odata.id links and sends credentials along; here every path must lie under /redfish/ on the same BMC, and redirects
are refused. Exceptions of sushy and requests do not leave this module.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from wao_predict.connection import Credentials, HttpOptions, TlsPolicy, origin_of, ssl_context
from wao_predict.errors import MissingExtra, ProtocolError, RemoteError, UsageError
from wao_predict.redfish.explorer import safe_path
from wao_predict.remote import body_too_large, remote_error

MAX_BYTES = 2 * 1024 * 1024


class PowerState(StrEnum):
    """Whether a server is on (Redfish Resource.PowerState)."""

    ON = "On"
    OFF = "Off"
    POWERING_ON = "PoweringOn"
    POWERING_OFF = "PoweringOff"
    PAUSED = "Paused"


class PowerControl:
    """Reads and changes the power state of the servers of one BMC. Use it as a context manager, or call `close`.

    Parameters
    ----------
    base_url
        https://host[:port] of the BMC.
    system
        Id of the System, needed if the BMC has several.
    address
        IP address to connect to, if the host is a name that was resolved and checked before. The certificate is
        verified for the name.

    Raises
    ------
    MissingExtra
        sushy is not installed.
    RemoteError
        The BMC does not answer, or refuses the credentials (status 401).
    UsageError
        The URL or the TLS policy cannot be used, or `system` is missing or unknown; the message lists the Systems.

    Examples
    --------
    >>> with PowerControl("https://bmc.example", credentials=Credentials("u", "p")) as server:  # doctest: +SKIP
    ...     server.shut_down()
    ...     server.read()
    """

    def __init__(
        self,
        base_url: str,
        *,
        credentials: Credentials,
        system: str | None = None,
        tls: TlsPolicy | None = None,
        options: HttpOptions | None = None,
        address: str | None = None,
    ) -> None:
        origin_of(base_url)
        self._base = base_url.rstrip("/")
        self._connector = _connector(self._base, tls or TlsPolicy(), options or HttpOptions(), address)
        self._auth: Any = None
        try:
            with self._errors("/redfish/v1/"):
                self._system = self._find(self._log_in(credentials), system)
        except BaseException:
            self.close()
            raise

    def read(self) -> PowerState | None:
        """Return the power state, read from the BMC now, None where it states none; raises `RemoteError`."""
        with self._errors(self._system.path):
            self._refresh()
            state = self._system.json.get("PowerState")
        return PowerState(state) if state in list(PowerState) else None

    def switch_on(self) -> None:
        """Switch the server on; raises `RemoteError`, and `UsageError` if the BMC does not allow it."""
        self._reset("On", "ForceOn")

    def shut_down(self) -> None:
        """Ask the operating system to shut down and switch the server off; raises like `switch_on`."""
        self._reset("GracefulShutdown")

    def force_off(self) -> None:
        """Switch the server off at once, without the operating system; raises like `switch_on`."""
        self._reset("ForceOff")

    def close(self) -> None:
        """Log out and close the connections."""
        try:
            if self._auth is not None:
                self._auth.close()
        except Exception as error:
            logging.getLogger(__name__).info("%s: the session was not closed: %s", self._base, type(error).__name__)
        self._connector.close()

    def __enter__(self) -> PowerControl:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _refresh(self) -> None:
        """Read the System from the BMC again."""
        self._system.invalidate(force_refresh=True)
        self._system.refresh(force=True)

    def _reset(self, *kinds: str) -> None:
        """Perform the first of the reset types that the BMC allows; all count as allowed where it lists none."""
        with self._errors(self._system.path):
            self._refresh()
            allowed = {kind.value for kind in self._system.get_allowed_reset_system_values()}
        kind = next((kind for kind in kinds if kind in allowed), None)
        if kind is None:
            listed = ", ".join(sorted(allowed)) or "no known reset type"
            raise UsageError(f"{self._base}{self._system.path} does not allow {kinds[0]}; it allows {listed}")
        import sushy

        with self._errors(self._system.path):
            self._system.reset_system(sushy.ResetType(kind))

    def _log_in(self, credentials: Credentials) -> Any:
        """Return sushy's service root: basic authentication first, a session only where the BMC offers no basic one."""
        import sushy
        from sushy import auth, exceptions

        def attempt(kind: Any) -> Any:
            self._auth = kind(username=credentials.username, password=credentials.password)
            root = sushy.Sushy(self._base, auth=self._auth, connector=self._connector)
            root.get_system_collection()  # the root needs no login; this does
            return root

        try:
            return attempt(auth.BasicAuth)
        except exceptions.AccessError as error:
            if error.status_code != 401 or "basic" in self._connector.challenge.lower():
                raise
        return attempt(auth.SessionAuth)

    def _find(self, root: Any, wanted: str | None) -> Any:
        systems = {member.identity: member for member in root.get_system_collection().get_members()}
        if wanted is None and len(systems) == 1:
            return next(iter(systems.values()))
        if wanted in systems:
            return systems[wanted]
        listed = ", ".join(sorted(systems)) or "none"
        problem = "name one of the Systems" if wanted is None else f"there is no System {wanted!r:.80}"
        raise UsageError(f"{self._base}: {problem}; the BMC has: {listed}")

    @contextmanager
    def _errors(self, path: str) -> Iterator[None]:
        """Turn exceptions of sushy and requests into ours."""
        import requests
        from sushy import exceptions

        where = f"{self._base}{path}"
        try:
            yield
        except exceptions.HTTPError as error:
            status = int(error.status_code or 0) or None
            what = "the BMC refused the credentials" if status in (401, 403) else "the BMC refused the request"
            raise RemoteError(f"{where}: {what} (status {status})", endpoint=where, status_code=status) from None
        except exceptions.SushyError as error:
            cause = error.__context__ if isinstance(error, exceptions.ConnectionError) else None
            raise remote_error(cause or error, where) from None
        except (requests.RequestException, OSError) as error:
            raise remote_error(error, where) from None
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, UsageError):
                raise
            # sushy trusts the types of what a BMC sends
            raise ProtocolError(f"{where}: not a Redfish resource: {error!r:.200}", endpoint=where) from None


def _connector(base_url: str, tls: TlsPolicy, options: HttpOptions, address: str | None) -> Any:
    """Return sushy's connector, restricted to one BMC; a function, because sushy is imported only when needed."""
    try:
        from requests.adapters import HTTPAdapter
        from sushy import connector as shipped
    except ImportError as error:
        raise MissingExtra("power control", "redfish") from error

    class PolicyAdapter(HTTPAdapter):
        """Verifies certificates by the TLS policy alone; requests would add its own authorities."""

        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, ssl_context=ssl_context(tls), **kwargs)

        def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
            host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
            if address is None:
                return host, {}
            name = {"server_hostname": host["host"]} if host["scheme"] == "https" else {}
            return {**host, "host": address}, name

        def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
            """Leave the decision to the context."""

    class SafeConnector(shipped.Connector):  # type: ignore[misc]
        """Keeps to one BMC: no other host, no redirect, limited bodies, no proxies and no .netrc."""

        def __init__(self) -> None:
            super().__init__(
                f"{base_url}/",
                verify=not (tls.insecure or tls.fingerprint),  # decides about urllib3's warning only: see PolicyAdapter
                server_side_retries=1,
                server_side_retries_delay=1,
                default_request_timeout=options.timeout,
                connect_timeout=options.connect_timeout,
                response_callback=self._note_challenge,
            )
            self.challenge = ""
            self._session.trust_env = False
            for scheme in ("https://", "http://"):
                self._session.mount(scheme, PolicyAdapter(max_retries=0))
            if address is not None:
                self._session.headers["Host"] = urlsplit(base_url).netloc

        def _note_challenge(self, response: Any) -> None:
            if response.status_code == 401:
                self.challenge = response.headers.get("WWW-Authenticate", "")

        def _op(self, method: str, path: str = "", *args: Any, **kwargs: Any) -> Any:
            path = path.removeprefix(base_url)  # a session's Location may be absolute
            if safe_path(path) is None:
                raise ProtocolError(f"{path!r:.80} is not a path under /redfish/ on this BMC", endpoint=base_url)
            kwargs["allow_redirects"] = False
            answer = super()._op(method, path, *args, **kwargs)
            if 300 <= answer.status_code < 400:
                raise ProtocolError(f"{path} redirects elsewhere: refused", endpoint=base_url)
            if len(answer.content) > MAX_BYTES:
                raise body_too_large(f"{base_url}{path}", MAX_BYTES)
            return answer

    for noisy in ("sushy", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)  # they log bodies at DEBUG, and errors that we raise
    return SafeConnector()
