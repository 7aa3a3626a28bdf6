"""Raw JSON requests to the API server through the official asyncio client's authentication and TLS.

The generated models are not used: decoding them costs a hundred times what the slim records do, and they refuse
the nulls that Go servers send in place of empty lists.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from wao_core.errors import SourceError

MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
MAX_LINE = 8 * 1024 * 1024
"""An object in etcd is at most 1.5 MiB; JSON of it a few times that."""

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a kubelet puts a pod's token and the cluster's authority."""

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
    """Return the error for an answer that is not a success; quotes the Status message, or the body's beginning."""
    try:
        said = msgspec.json.decode(body, type=_Status)
    except (msgspec.DecodeError, UnicodeDecodeError):
        said = _Status(message=body[:200].decode(errors="replace").strip())
    wait = headers.get("Retry-After", "")
    return KubeError(
        f"{method} {path}: {status} {said.message or said.reason}",
        status_code=status,
        reason=said.reason,
        retry_after=float(wait) if wait.isdigit() else None,
    )


class KubeClient:
    """One connection pool to one API server; credentials are re-read when they rotate.

    Parameters
    ----------
    api
        A `kubernetes.aio.client.ApiClient`; closed with this object.
    """

    def __init__(self, api: Any) -> None:
        self._api = api

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
            Folder of the pod's ServiceAccount: its token is read again every minute.
        environment
            Where the pod is told the API server's address.

        Raises
        ------
        KubeError
            There is neither a usable file nor a service account.
        """
        from kubernetes.aio.client import ApiClient, Configuration
        from kubernetes.aio.config import ConfigException, load_kube_config
        from kubernetes.aio.config.incluster_config import InClusterConfigLoader

        configuration = Configuration()
        configuration.connection_pool_maxsize = 64
        configuration.client_session_kwargs = {"trust_env": False}
        try:
            if kubeconfig is not None:
                await load_kube_config(config_file=str(kubeconfig), client_configuration=configuration)
            else:
                files = {"token_filename": str(account / "token"), "cert_filename": str(account / "ca.crt")}
                InClusterConfigLoader(**files, environ=environment).load_and_set(configuration)
        except (ConfigException, OSError, KeyError, TypeError, ValueError) as error:
            where = f"kubeconfig {kubeconfig}" if kubeconfig else "the service account of this pod"
            raise KubeError(f"{where} cannot be used: {error}; give --kubeconfig FILE or --manifests FOLDER") from None
        return cls(ApiClient(configuration))

    @property
    def host(self) -> str:
        """The API server's base URL."""
        return str(self._api.configuration.host)

    async def close(self) -> None:
        """Close all connections."""
        await self._api.close()

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
        limits = aiohttp.ClientTimeout(total=timeout, sock_connect=min(10.0, timeout))
        try:
            response = await self._open(method, path, query, body, content_type, limits)
            try:
                content = await response.read()
            finally:
                _drop(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unreachable(method, path, error) from None
        if not 200 <= response.status < 300:
            raise status_error(method, path, response.status, content, response.headers)
        return content

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
            Seconds without any byte after which the connection is taken for dead. The server sends a bookmark about
            every minute, so silence for longer means that nobody is there.

        Raises
        ------
        KubeError
            The watch was refused, broke, or stalled.
        """
        limits = aiohttp.ClientTimeout(total=None, sock_connect=10.0, sock_read=stall)
        try:
            # not wait_for: in Python 3.11 it can swallow a cancellation that comes as the answer does
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
        headers = {"Accept": "application/json", "Content-Type": content_type}
        request = await self._api.param_serialize(
            method,
            path,
            query_params=list(query),
            header_params=headers,
            body=dict(body) if body is not None else None,
            auth_settings=["BearerToken"],
        )
        answer = await self._api.call_api(*request, _request_timeout=limits, _preload_content=False)
        response: aiohttp.ClientResponse = answer.response
        return response


def _drop(response: aiohttp.ClientResponse) -> None:
    """Give the connection back if the answer was read whole, else end it at once.

    A server that does not answer would not end TLS with us either, and the connection would stay for half a minute.
    """
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
    response.close()


async def _lines(response: aiohttp.ClientResponse, path: str) -> AsyncGenerator[bytes, None]:
    """Yield whole lines; readline of aiohttp refuses those beyond its buffer, so they are put together here."""
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
