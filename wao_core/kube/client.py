"""JSON requests to the API server, with the configuration that the official client loads.

The package `kubernetes` reads kubeconfig files and service accounts and refreshes tokens. Its generated models and its
requests are not used: decoding the models takes a hundred times as long as decoding the records, and they refuse the
nulls that Go servers send in place of empty lists.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from wao_core.errors import SourceError
from wao_predict.json_values import NOT_JSON

MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
MAX_LINE = 8 * 1024 * 1024
"""Most bytes of one event. An object in etcd is at most 1.5 MiB, and its JSON a few times that."""

MAX_BODY = 1 << 30
"""Most bytes of one answer: twice a list of 150,000 Pods, which old API servers send as one page."""

MAX_SAID = 2000
"""Characters of an API server's message that are quoted."""
CONNECTIONS = 64
"""Most connections to the API server."""
READ_BUFFER = 2 * 1024 * 1024
"""Bytes of an answer that are buffered, as in the official client."""

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Folder in which a kubelet puts a pod's token and the cluster's authority."""

Query = Sequence[tuple[str, str]]


class KubeError(SourceError):
    """The API server refused a request, or could not be reached (then `status_code` is None).

    `reason` is the Status reason, such as "NotFound", "Conflict", "Forbidden".
    """

    def __init__(
        self, message: str, *, status_code: int | None = None, reason: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message, status_code=status_code)
        self.reason = reason
        self.retry_after = retry_after


class _Status(msgspec.Struct):
    message: str = ""
    reason: str = ""


def status_error(method: str, path: str, status: int, body: bytes, headers: Mapping[str, str]) -> KubeError:
    """Return the error for an answer that is not a success; it quotes the Status message, or the start of the body."""
    try:
        said = msgspec.json.decode(body, type=_Status)
    except NOT_JSON:
        said = _Status(message=body[:200].decode(errors="replace").strip())
    wait = headers.get("Retry-After", "")
    return KubeError(
        f"{method} {path}: {status} {(said.message or said.reason)[:MAX_SAID]}",
        status_code=status,
        reason=said.reason,
        retry_after=float(wait) if wait.isascii() and wait.isdigit() and len(wait) < 10 else None,
    )


def object_of(body: bytes, kind: str, path: str) -> dict[str, Any]:
    """Return the object in the answer to a GET; its metadata, spec, data and status are objects where they exist.

    Raises
    ------
    KubeError
        The answer is something else, such as the page of a proxy.
    """
    try:
        found = msgspec.json.decode(body, type=dict[str, Any])
    except NOT_JSON as error:
        raise KubeError(f"GET {path}: the answer is not a {kind}: {error}") from None
    parts = [found[name] for name in ("metadata", "spec", "data", "status") if found.get(name) is not None]
    if found.get("kind") != kind or not all(isinstance(part, dict) for part in parts):
        raise KubeError(f"GET {path}: the answer is not a {kind}: {body[:100].decode(errors='replace')}")
    return found


class KubeClient:
    """One connection pool to one API server; credentials are read again when they rotate.

    Parameters
    ----------
    configuration
        A `kubernetes.aio.client.Configuration`: the server, its certificates, and the hook that refreshes the token.
    """

    def __init__(self, configuration: Any) -> None:
        self._configuration = configuration
        self._session: aiohttp.ClientSession | None = None  # made with the first request, in its event loop
        self._context = _ssl_context(configuration)

    @classmethod
    async def connect(
        cls,
        kubeconfig: Path | None = None,
        *,
        account: Path = ACCOUNT,
        environment: Mapping[str, str] = os.environ,
    ) -> KubeClient:
        """Return a client for a kubeconfig file, or for the cluster this process runs in.

        Parameters
        ----------
        account
            Folder of the pod's ServiceAccount; its token is read again every minute.
        environment
            Variables with the API server's address, as in a pod.

        Raises
        ------
        KubeError
            There is neither a usable file nor a service account.
        """
        from kubernetes.aio.client import Configuration
        from kubernetes.aio.config import ConfigException, load_kube_config
        from kubernetes.aio.config.incluster_config import InClusterConfigLoader
        from yaml import YAMLError

        configuration = Configuration()
        try:
            if kubeconfig is not None:
                await load_kube_config(config_file=str(kubeconfig), client_configuration=configuration)
            else:
                files = {"token_filename": str(account / "token"), "cert_filename": str(account / "ca.crt")}
                InClusterConfigLoader(**files, environ=environment).load_and_set(configuration)
            return cls(configuration)
        except (ConfigException, OSError, KeyError, TypeError, ValueError, AttributeError, YAMLError) as error:
            where = f"kubeconfig {kubeconfig}" if kubeconfig else "the service account of this pod"
            reason = " ".join(str(error).split())[:200]
            raise KubeError(f"{where} cannot be used: {reason}; give --kubeconfig FILE or --manifests FOLDER") from None

    @property
    def host(self) -> str:
        """The API server's base URL."""
        return str(self._configuration.host)

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, path: str, *, query: Query = (), timeout: float = 30.0) -> bytes:
        """Return the body of a GET.

        Raises
        ------
        KubeError
            The answer is not a success, or there was none in `timeout` seconds.
        """
        return await self.send("GET", path, query=query, timeout=timeout)

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, object] | None = None,
        query: Query = (),
        content_type: str = "application/json",
        timeout: float = 30.0,
    ) -> bytes:
        """Send one request and return the body of its answer; errors as `get`."""
        content, _ = await self._exchange(method, path, query, body, content_type, timeout)
        return content

    async def date(self, path: str = "/version", *, timeout: float = 30.0) -> tuple[bytes, str]:
        """Return the body of a GET, and the header Date with the time of the API server; errors as `get`."""
        content, headers = await self._exchange("GET", path, (), None, "application/json", timeout)
        return content, headers.get("Date", "")

    async def _exchange(
        self,
        method: str,
        path: str,
        query: Query,
        body: Mapping[str, object] | None,
        content_type: str,
        timeout: float,
    ) -> tuple[bytes, Mapping[str, str]]:
        limits = aiohttp.ClientTimeout(total=timeout, sock_connect=min(10.0, timeout))
        try:
            response = await self._open(method, path, query, body, content_type, limits)
            try:
                content = await _body(response, method, path)
            finally:
                _drop(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unreachable(method, path, error) from None
        if not 200 <= response.status < 300:
            raise status_error(method, path, response.status, content, response.headers)
        return content, response.headers

    async def apply(
        self, path: str, body: Mapping[str, object], *, manager: str, force: bool = True, timeout: float = 30.0
    ) -> bytes:
        """Server-side apply one object as field manager `manager`."""
        query = [("fieldManager", manager), ("force", "true" if force else "false")]
        return await self.send("PATCH", path, body=body, query=query, content_type=APPLY_PATCH, timeout=timeout)

    @asynccontextmanager
    async def lines(self, path: str, *, query: Query, stall: float) -> AsyncIterator[AsyncGenerator[bytes, None]]:
        """Open a watch and yield an iterator of its lines.

        Parameters
        ----------
        stall
            Seconds without any byte after which the connection counts as dead. The server sends a bookmark about
            every minute.

        Raises
        ------
        KubeError
            The watch was refused, broke, or stalled.
        """
        limits = aiohttp.ClientTimeout(total=None, sock_connect=10.0, sock_read=stall)
        try:
            # not wait_for: in Python 3.11 it can swallow a cancellation that arrives together with the answer
            async with asyncio.timeout(stall):
                response = await self._open("GET", path, query, None, "application/json", limits)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unreachable("WATCH", path, error) from None
        try:
            if response.status != 200:
                content = await response.content.read(4096)
                raise status_error("WATCH", path, response.status, content, response.headers)
            yield _lines(response, path)
        finally:
            _drop(response)

    async def _open(
        self,
        method: str,
        path: str,
        query: Query,
        body: Mapping[str, object] | None,
        content_type: str,
        limits: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        url = URL(self.host.rstrip("/") + path, encoded=True)
        return await self._pool().request(
            method,
            url.with_query(list(query)) if query else url,
            data=msgspec.json.encode(body) if body is not None else None,
            headers={"Accept": "application/json", "Content-Type": content_type, **await self._authorization()},
            allow_redirects=False,  # the token is for this server only
            timeout=limits,
            proxy=self._configuration.proxy,
            proxy_headers=self._configuration.proxy_headers,
            server_hostname=self._configuration.tls_server_name or None,
        )

    def _pool(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=CONNECTIONS, ssl=self._context)
            self._session = aiohttp.ClientSession(connector=connector, trust_env=False, read_bufsize=READ_BUFFER)
        return self._session

    async def _authorization(self) -> dict[str, str]:
        """Return the header with the current token; raises `KubeError` if it cannot be read."""
        from kubernetes.aio.config import ConfigException

        try:
            token = await self._configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        except (ConfigException, OSError, ValueError) as error:
            raise KubeError(f"the credentials for the API server cannot be read: {error}") from None
        return {"Authorization": token} if token else {}


def _ssl_context(configuration: Any) -> ssl.SSLContext:
    """Return the TLS context of a configuration; raises `OSError` for files that cannot be read."""
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert, cadata=configuration.ca_cert_data)
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, keyfile=configuration.key_file)
    if not configuration.verify_ssl:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if configuration.disable_strict_ssl_verification:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _drop(response: aiohttp.ClientResponse) -> None:
    """Return the connection to the pool if the answer is complete, else abort it.

    An unresponsive server would not complete the TLS shutdown, and the socket would stay open for half a minute.
    """
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
    response.close()


async def _body(response: aiohttp.ClientResponse, method: str, path: str) -> bytes:
    """Return the body of an answer; raises `KubeError` if it is larger than `MAX_BODY`."""
    parts, size = [], 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > MAX_BODY:
            raise KubeError(f"{method} {path}: the answer is larger than {MAX_BODY >> 20} MiB")
        parts.append(part)
    return b"".join(parts)


async def _lines(response: aiohttp.ClientResponse, path: str) -> AsyncGenerator[bytes, None]:
    """Yield complete lines, also those that are longer than aiohttp's buffer, which its readline refuses."""
    rest = bytearray()
    try:
        async for chunk in response.content.iter_any():
            rest += chunk
            while (end := rest.find(b"\n")) >= 0:
                line = bytes(rest[:end])
                del rest[: end + 1]
                if line:
                    yield line
            if len(rest) > MAX_LINE:
                raise KubeError(f"WATCH {path}: one event is larger than {MAX_LINE >> 20} MiB")
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise _unreachable("WATCH", path, error) from None


def _unreachable(method: str, path: str, error: BaseException) -> KubeError:
    what = "no answer in time" if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"
    return KubeError(f"{method} {path}: {what}")
