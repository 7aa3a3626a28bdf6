"""The options that every server command has, declared once. Light at import: typer and the standard library."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from wao_predict.cli._options import with_options
from wao_predict.errors import UsageError


class LogFormat(StrEnum):
    """How log lines look."""

    CONSOLE = "console"
    JSON = "json"


class LogLevel(StrEnum):
    """The least important lines that are logged."""

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
        int, _option("--port", "WAO_PORT", "Port to listen on; 0 takes a free one and prints it.", _SERVING)
    ] = 0
    tls_cert_file: Annotated[
        Path | None,
        _option("--tls-cert-file", "WAO_TLS_CERT_FILE", "PEM file with the serving certificate.", _SERVING),
    ] = None
    tls_private_key_file: Annotated[
        Path | None,
        _option("--tls-private-key-file", "WAO_TLS_PRIVATE_KEY_FILE", "PEM file with its key.", _SERVING),
    ] = None
    self_signed_dir: Annotated[
        Path | None,
        _option(
            "--self-signed-dir",
            "WAO_SELF_SIGNED_DIR",
            "Folder that keeps the self-signed certificate used when no certificate is given "
            "(tls.crt in it can be given to clients); without it a new one is made at each start.",
            _SERVING,
        ),
    ] = None
    insecure_http: Annotated[
        bool,
        _option("--insecure-http", "WAO_INSECURE_HTTP", "Serve without TLS; on loopback only.", _SERVING),
    ] = False
    drain: Annotated[
        float,
        _option(
            "--drain",
            "WAO_DRAIN",
            "Seconds to go on serving as not ready after SIGTERM. Default: 0 on loopback, else 10.",
            _SERVING,
            show_default=False,
        ),
    ] = -1.0
    log_format: Annotated[LogFormat, _option("--log-format", "WAO_LOG_FORMAT", "Form of the log lines.", _LOGS)] = (
        LogFormat.CONSOLE
    )
    log_level: Annotated[LogLevel, _option("--log-level", "WAO_LOG_LEVEL", "Least important lines to log.", _LOGS)] = (
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
            "Read the cluster from the API server of this file; inside a cluster none is needed.",
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
        """How long it goes on serving as not ready once it was told to stop."""
        if self.drain >= 0:
            return self.drain
        return 0.0 if self.loopback else 10.0

    def problems(self) -> list[str]:
        """Return everything that is wrong with these options, in the words of the command line."""
        found = []
        if not 0 <= self.port <= 65535:
            found.append(f"--port {self.port}: give a number from 0 to 65535")
        if (self.tls_cert_file is None) != (self.tls_private_key_file is None):
            found.append("--tls-cert-file and --tls-private-key-file: give both or neither")
        for flag, file in (
            ("--tls-cert-file", self.tls_cert_file),
            ("--tls-private-key-file", self.tls_private_key_file),
            ("--kubeconfig", self.kubeconfig if self.manifests is None else None),
        ):
            if file is not None and not file.is_file():
                found.append(f"{flag} {file}: there is no such file")
        if self.manifests is not None and not self.manifests.is_dir():
            found.append(f"--manifests {self.manifests}: there is no such folder")
        if self.insecure_http and not self.loopback:
            found.append(f"--insecure-http with --host {self.host}: plain HTTP is for 127.0.0.1 or ::1 only")
        return found

    def check(self, *more: str) -> None:
        """Raise `UsageError` with everything that is wrong: these options' problems and `more`."""
        if found := [*self.problems(), *more]:
            raise UsageError("; ".join(found))


def server_options(*, port: int = 0) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a typer command all options of `ServerOptions`; it takes them as one argument `server`."""
    return with_options(ServerOptions, "server", port=port)
