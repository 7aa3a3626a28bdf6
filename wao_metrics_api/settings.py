"""The metrics API's own settings, validated at the start. Imports the standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from wao_core.serving.options import ServerOptions


class Authentication(StrEnum):
    """How callers prove who they are."""

    AUTO = "auto"
    NONE = "none"
    FILES = "files"
    KUBERNETES = "kubernetes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings in addition to `ServerOptions`.

    Parameters
    ----------
    authentication
        AUTO becomes KUBERNETES with an API server, FILES when a file is given, else NONE.
    token_file, client_ca_file
        For FILES: bearer tokens, and the authorities of client certificates.
    """

    authentication: Authentication = Authentication.AUTO
    token_file: Path | None = None
    client_ca_file: Path | None = None

    def mode(self, server: ServerOptions) -> Authentication:
        """Return how callers are authenticated once AUTO is resolved."""
        if self.authentication is not Authentication.AUTO:
            return self.authentication
        if server.manifests is None:
            return Authentication.KUBERNETES
        return Authentication.FILES if self.token_file or self.client_ca_file else Authentication.NONE

    def problems(self, server: ServerOptions) -> list[str]:
        """Return the problems of these settings, each naming its flag."""
        found = []
        mode = self.mode(server)
        if mode is Authentication.NONE and not server.loopback:
            found.append(
                f"--host {server.host} without authentication: give --token-file or --client-ca-file, "
                "or listen on 127.0.0.1"
            )
        if mode is Authentication.FILES and not (self.token_file or self.client_ca_file):
            found.append("--authentication files: give --token-file or --client-ca-file")
        if mode is Authentication.KUBERNETES and server.manifests is not None:
            found.append("--authentication kubernetes needs an API server, not --manifests")
        if server.insecure_http and (mode is Authentication.KUBERNETES or self.client_ca_file):
            found.append("--insecure-http: client certificates need TLS")
        for flag, file in (("--token-file", self.token_file), ("--client-ca-file", self.client_ca_file)):
            if file is not None and not file.is_file():
                found.append(f"{flag} {file}: no such file")
        return found
