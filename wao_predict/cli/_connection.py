"""The options by which commands reach a server: credentials, never as an argument, and how TLS is verified."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from wao_predict.predictor import Connection

_PANEL = "Connection"
PASSWORD_VARIABLE = "WAO_PASSWORD"  # noqa: S105 - the variable's name, not its value

CaFile = Annotated[
    Path | None,
    typer.Option("--ca-file", help="PEM file of the authorities to trust.", rich_help_panel=_PANEL),
]
Fingerprint = Annotated[
    str | None,
    typer.Option(help="SHA-256 of the one certificate to accept, in hex.", rich_help_panel=_PANEL),
]
Insecure = Annotated[
    bool, typer.Option("--insecure", help="Accept any certificate; told loudly.", rich_help_panel=_PANEL)
]
User = Annotated[
    str | None,
    typer.Option(
        help=f"User name; the password comes from --password-file, from ${PASSWORD_VARIABLE}, or from a prompt.",
        rich_help_panel=_PANEL,
    ),
]
PasswordFile = Annotated[
    Path | None, typer.Option("--password-file", help="File that holds the password.", rich_help_panel=_PANEL)
]
Timeout = Annotated[
    float, typer.Option("--timeout", min=0.1, max=600.0, help="Seconds for one request.", rich_help_panel=_PANEL)
]


def connection(
    *,
    url: str,
    ca_file: Path | None,
    fingerprint: str | None,
    insecure: bool,
    user: str | None,
    password_file: Path | None,
    timeout: float,
) -> Connection:
    """Return the connection that the options describe.

    Raises
    ------
    UsageError
        A file cannot be read, or there is no password and nobody to ask.
    """
    from wao_predict.predictor import Connection
    from wao_predict.transport import Credentials, HttpOptions, TlsPolicy

    if insecure:
        sys.stderr.write("warning: --insecure: the server's certificate is NOT verified\n")
    credentials = None
    if user is not None:
        if url.startswith("http://"):
            sys.stderr.write("warning: the password goes over plain HTTP: anyone on the way can read it\n")
        credentials = Credentials(user, read_password(user, password_file))
    return Connection(
        credentials=credentials,
        tls=TlsPolicy(ca_file=ca_file, fingerprint=fingerprint, insecure=insecure),
        options=HttpOptions(timeout=timeout),
    )


def read_password(user: str, file: Path | None) -> str:
    """Return the password from a file, the environment, or a prompt.

    Raises
    ------
    UsageError
        The file cannot be read, or there is nobody to ask.
    """
    from wao_predict._errors import UsageError

    if file is not None:
        try:
            return file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"--password-file {file} cannot be read: {error}") from None
    if (password := os.environ.get(PASSWORD_VARIABLE)) is not None:
        return password
    if not sys.stdin.isatty():
        raise UsageError(f"no password for {user}: give --password-file or set {PASSWORD_VARIABLE}")
    return str(typer.prompt(f"Password of {user}", hide_input=True, err=True))
