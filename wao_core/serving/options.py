"""The options of all server commands. Imports typer and the standard library only, so that `wao --help` is fast."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from wao_predict.cli.options import with_options
from wao_predict.errors import UsageError


class LogFormat(StrEnum):
    """Format of log lines."""

    CONSOLE = "console"
    JSON = "json"


class LogLevel(StrEnum):
    """Lowest level that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def _option(name: str, variable: str, help_: str, panel: str, *, show_default: bool = True) -> Any:
    return typer.Option(name, envvar=variable, help=help_, rich_help_panel=panel, show_default=show_default)


_SERVING, _LOGS, _CLUSTER = "Serving", "Logs", "Cluster"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """Where and how a server listens, what it logs, and which cluster it reads. Times are in seconds."""

    host: Annotated[str, _option("--host", "WAO_HOST", "Address to listen on.", _SERVING)] = "127.0.0.1"
    port: Annotated[
        int, _option("--port", "WAO_PORT", "Port to listen on; 0 selects a free one and prints it.", _SERVING)
    ] = 0
    tls_cert_file: Annotated[
        Path | None,
        _option("--tls-cert-file", "WAO_TLS_CERT_FILE", "PEM file with the serving certificate.", _SERVING),
    ] = None
    tls_private_key_file: Annotated[
        Path | None,
        _option("--tls-private-key-file", "WAO_TLS_PRIVATE_KEY_FILE", "PEM file with the private key.", _SERVING),
    ] = None
    self_signed_dir: Annotated[
        Path | None,
        _option(
            "--self-signed-dir",
            "WAO_SELF_SIGNED_DIR",
            "Folder for the self-signed certificate that is used when no certificate is given "
            "(clients can trust its tls.crt). Default: a new certificate at each start.",
            _SERVING,
        ),
    ] = None
    insecure_http: Annotated[
        bool,
        _option("--insecure-http", "WAO_INSECURE_HTTP", "Serve without TLS; allowed on loopback only.", _SERVING),
    ] = False
    drain: Annotated[
        float,
        _option(
            "--drain",
            "WAO_DRAIN",
            "Seconds to serve as not ready after SIGTERM. Default: 0 on loopback, else 10.",
            _SERVING,
            show_default=False,
        ),
    ] = -1.0
    max_connections: Annotated[
        int,
        _option(
            "--max-connections",
            "WAO_MAX_CONNECTIONS",
            "Open client connections, at most half of the limit of descriptors; a further one replaces the one that is "
            "idle for longest.",
            _SERVING,
        ),
    ] = 2048
    ui_url: Annotated[
        str,
        _option(
            "--ui-url",
            "WAO_UI_URL",
            "URL of wao ui in a browser, to which the path / of this server links. Default: none.",
            _SERVING,
            show_default=False,
        ),
    ] = ""
    log_format: Annotated[LogFormat, _option("--log-format", "WAO_LOG_FORMAT", "Format of log lines.", _LOGS)] = (
        LogFormat.CONSOLE
    )
    log_level: Annotated[LogLevel, _option("--log-level", "WAO_LOG_LEVEL", "Lowest level to log.", _LOGS)] = (
        LogLevel.INFO
    )
    manifests: Annotated[
        Path | None,
        _option("--manifests", "WAO_MANIFESTS", "Read the cluster from this folder of manifests.", _CLUSTER),
    ] = None
    kubeconfig: Annotated[
        Path | None,
        _option(
            "--kubeconfig",
            "KUBECONFIG",
            "Read the cluster from the API server in this file; not needed inside a cluster.",
            _CLUSTER,
        ),
    ] = None

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def drain_seconds(self) -> float:
        """Seconds to serve as not ready before the socket is closed."""
        if self.drain >= 0:
            return self.drain
        return 0.0 if self.loopback else 10.0

    def problems(self) -> list[str]:
        """Return the problems of these options, each naming its flag."""
        found = []
        if not 0 <= self.port <= 65535:
            found.append(f"--port {self.port}: give a number from 0 to 65535")
        if self.max_connections < 1:
            found.append(f"--max-connections {self.max_connections}: give a number from 1")
        if (self.tls_cert_file is None) != (self.tls_private_key_file is None):
            found.append("--tls-cert-file and --tls-private-key-file: give both or neither")
        for flag, file in (
            ("--tls-cert-file", self.tls_cert_file),
            ("--tls-private-key-file", self.tls_private_key_file),
            ("--kubeconfig", self.kubeconfig if self.manifests is None else None),
        ):
            if file is not None and not file.is_file():
                found.append(f"{flag} {file}: no such file")
        if self.manifests is not None and not self.manifests.is_dir():
            found.append(f"--manifests {self.manifests}: no such folder")
        if self.ui_url and not self.ui_url.startswith(("https://", "http://")):
            found.append(f"--ui-url {self.ui_url}: give an address that begins with https:// or http://")
        if self.insecure_http and not self.loopback:
            found.append(f"--insecure-http with --host {self.host}: plain HTTP is for 127.0.0.1 or ::1 only")
        return found

    def check(self, *more: str) -> None:
        """Raise `UsageError` with the problems of these options and `more`, if there are any."""
        if found := [*self.problems(), *more]:
            raise UsageError("; ".join(found))


def server_options(*, port: int = 0) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds all server options to a typer command, which gets them as its argument `server`."""
    return with_options(ServerOptions, "server", port=port)
