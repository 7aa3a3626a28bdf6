"""The metrics API's own settings, validated at the start. Imports no package of others."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from wao_core.serving.options import ServerOptions
from wao_predict.connection import TlsPolicy, origin_of
from wao_predict.errors import UsageError


class Authentication(StrEnum):
    """How callers prove who they are."""

    AUTO = "auto"
    NONE = "none"
    FILES = "files"
    KUBERNETES = "kubernetes"


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegateSettings:
    """Another custom metrics API, to which requests for other metrics are forwarded.

    Parameters
    ----------
    url
        Its address, such as "https://prometheus-adapter.monitoring.svc".
    ca_file, fingerprint
        How its certificate is verified: by the authorities of a PEM file, or by its SHA-256.
    token_file
        The bearer token that is sent.
    """

    url: str
    ca_file: Path | None = None
    fingerprint: str | None = None
    token_file: Path | None = None

    def problems(self) -> list[str]:
        """Return the problems of these settings, each naming its flag."""
        found = []
        try:
            scheme = origin_of(self.url)[0]
            TlsPolicy(fingerprint=self.fingerprint).digest()
        except UsageError as error:
            return [f"--delegate: {error}"]
        if scheme != "https":
            found.append(f"--delegate {self.url}: must begin with https://, as it gets a token")
        if urlsplit(self.url).path not in ("", "/"):
            found.append(f"--delegate {self.url}: without a path, as the paths of the API are added")
        for flag, file in (("--delegate-ca-file", self.ca_file), ("--delegate-token-file", self.token_file)):
            if file is not None and not file.is_file():
                found.append(f"{flag} {file}: no such file")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings in addition to `ServerOptions`.

    Parameters
    ----------
    authentication
        AUTO becomes KUBERNETES with an API server, FILES when a file is given, else NONE.
    token_file, client_ca_file
        For FILES: bearer tokens, and the authorities of client certificates.
    delegate
        Where requests for the metrics of others are forwarded.
    """

    authentication: Authentication = Authentication.AUTO
    token_file: Path | None = None
    client_ca_file: Path | None = None
    delegate: DelegateSettings | None = None

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
        if self.delegate is not None:
            found += self.delegate.problems()
        return found
