"""The settings of the page, validated at the start. Imports the standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from wao_core.cluster.names import ZONE
from wao_core.serving.options import ServerOptions


class Authentication(StrEnum):
    """How viewers prove who they are."""

    AUTO = "auto"
    NONE = "none"
    FILE = "file"
    KUBERNETES = "kubernetes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings in addition to `ServerOptions`.

    Parameters
    ----------
    urls
        URL of each application by name: metrics, scheduler, lb, rebalance, standby.
    ca_file
        Authorities of the applications' certificates.
    metrics_token_file
        Bearer token for the metrics API at its URL.
    authentication
        AUTO becomes FILE with a token file, else KUBERNETES with an API server, else NONE.
    token_file
        Bearer tokens of viewers.
    period, history
        Seconds between two readings, and hours of which totals are kept.
    viewers
        Open pages at the same time.
    allowed_hosts
        Further names by which the page may be called.
    """

    urls: dict[str, str] = field(default_factory=dict)
    ca_file: Path | None = None
    metrics_token_file: Path | None = None
    authentication: Authentication = Authentication.AUTO
    token_file: Path | None = None
    period: float = 10.0
    history: float = 24.0
    viewers: int = 64
    group_label: str = ZONE
    allowed_hosts: tuple[str, ...] = ()

    def mode(self, server: ServerOptions) -> Authentication:
        """Return how viewers are authenticated once AUTO is resolved."""
        if self.authentication is not Authentication.AUTO:
            return self.authentication
        if self.token_file is not None:
            return Authentication.FILE
        return Authentication.KUBERNETES if server.manifests is None else Authentication.NONE

    @property
    def points(self) -> int:
        """Number of totals that are kept."""
        return max(1, round(3600.0 * self.history / self.period))

    def problems(self, server: ServerOptions) -> list[str]:
        """Return the problems of these settings, each naming its flag."""
        found = []
        mode = self.mode(server)
        if mode is Authentication.NONE and not server.loopback:
            found.append(f"--host {server.host} without authentication: give --token-file, or listen on 127.0.0.1")
        if mode is Authentication.FILE and self.token_file is None:
            found.append("--authentication file: give --token-file")
        if mode is Authentication.KUBERNETES and server.manifests is not None:
            found.append("--authentication kubernetes needs an API server, not --manifests")
        for flag, file in (
            ("--token-file", self.token_file),
            ("--ca-file", self.ca_file),
            ("--metrics-token-file", self.metrics_token_file),
        ):
            if file is not None and not file.is_file():
                found.append(f"{flag} {file}: no such file")
        if self.metrics_token_file is not None and "metrics" not in self.urls:
            found.append("--metrics-token-file needs --metrics-url")
        for name, url in self.urls.items():
            if url.startswith("http://") and name == "metrics" and self.metrics_token_file is not None:
                found.append(f"--metrics-url {url}: a token is sent over TLS only, write https://")
        return found
