"""The options by which commands reach a server: credentials, never as an argument, and how TLS is verified."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from wao_predict.printable import say

if TYPE_CHECKING:
    from wao_predict.flow import Flow
    from wao_predict.predictor import Connection

Found = TypeVar("Found")

_PANEL = "Connection"
PASSWORD_VARIABLE = "WAO_PASSWORD"  # noqa: S105 - the variable's name, not its value


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How a server's certificate is verified, and the time limit of a request [s]."""

    ca_file: Annotated[
        Path | None,
        typer.Option("--ca-file", help="PEM file of the certificate authorities to trust.", rich_help_panel=_PANEL),
    ] = None
    fingerprint: Annotated[
        str | None,
        typer.Option(
            "--fingerprint",
            help="SHA-256 fingerprint of the only certificate to accept, in hex.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Accept any certificate, with a warning.", rich_help_panel=_PANEL)
    ] = False
    timeout: Annotated[
        float,
        typer.Option("--timeout", min=0.1, max=600.0, help="Time limit of one request [s].", rich_help_panel=_PANEL),
    ] = 15.0

    def connection(self) -> Connection:
        """Return the connection that the options describe."""
        from wao_predict.connection import HttpOptions, TlsPolicy
        from wao_predict.predictor import Connection

        if self.insecure:
            say("warning: --insecure: the server's certificate is NOT verified")
        policy = TlsPolicy(ca_file=self.ca_file, fingerprint=self.fingerprint, insecure=self.insecure)
        return Connection(tls=policy, options=HttpOptions(timeout=self.timeout))


@dataclass(frozen=True, slots=True, kw_only=True)
class Login(Tls):
    """The same, with credentials."""

    user: Annotated[
        str | None,
        typer.Option(
            "--user",
            help=f"User name. The password comes from --password-file, ${PASSWORD_VARIABLE} or a prompt.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    password_file: Annotated[
        Path | None, typer.Option("--password-file", help="File that contains the password.", rich_help_panel=_PANEL)
    ] = None

    def connection_to(self, url: str) -> Connection:
        """Return the connection to a server, credentials included.

        Raises
        ------
        UsageError
            A file cannot be read, or there is no password and no terminal for a prompt.
        """
        from dataclasses import replace

        from wao_predict.connection import Credentials

        how = self.connection()
        if self.user is None:
            if self.password_file is not None:
                raise typer.BadParameter("--password-file needs --user")
            return how
        if url.startswith("http://"):
            say("warning: the password goes over plain HTTP: anyone on the network path can read it")
        return replace(how, credentials=Credentials(self.user, read_password(self.user, self.password_file)))


def converse(flow: Flow[Found], url: str, how: Connection) -> Found:
    """Return the result of a flow with one server, over a connection that is closed afterwards."""
    from wao_predict.flow import run
    from wao_predict.transport import HttpTransport

    transport = HttpTransport(url, credentials=how.credentials, tls=how.tls, options=how.options)
    try:
        return run(flow, transport)
    finally:
        transport.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstUse(Login):
    """The same, with the certificate that the server presents now as the one to accept."""

    trust_on_first_use: Annotated[
        bool,
        typer.Option(
            "--trust-on-first-use",
            help="Accept the certificate that the server presents now, and print the lines for a NodeConfig that "
            "accept no other.",
            rich_help_panel=_PANEL,
        ),
    ] = False

    def connection_to(self, url: str) -> Connection:
        """Return the connection to a server; under --trust-on-first-use its `tls` has the fingerprint seen now.

        Raises
        ------
        UsageError
            As of `Login`, or the URL is not an https URL.
        RemoteError
            The server cannot be reached for its certificate.
        """
        from dataclasses import replace

        from wao_predict.connection import TlsPolicy
        from wao_predict.presented import presented_certificate

        if not self.trust_on_first_use:
            return Login.connection_to(self, url)
        if self.fingerprint is not None or self.insecure:
            raise typer.BadParameter("--trust-on-first-use: remove --fingerprint and --insecure")
        seen = presented_certificate(url, TlsPolicy(ca_file=self.ca_file), timeout=self.timeout)
        if not seen.problem:
            say("note: the certificate can be verified: --trust-on-first-use has no effect")
            return Login.connection_to(self, url)
        say(
            f"warning: {url} is trusted without proof ({seen.problem}). Compare the certificate's SHA-256 fingerprint "
            f"with that on the BMC's own page: {seen.fingerprint}"
        )
        return replace(Login.connection_to(self, url), tls=TlsPolicy(fingerprint=seen.fingerprint))

    def lines(self, connection: Connection) -> dict[str, str]:
        """Return the fields of `tls` to write into a NodeConfig; none where the certificate can be verified."""
        pinned = None if connection.tls is None else connection.tls.fingerprint
        return {"fingerprint": pinned} if self.trust_on_first_use and pinned else {}


def read_password(user: str, file: Path | None) -> str:
    """Return the password from a file, the environment, or a prompt.

    Raises
    ------
    UsageError
        The file cannot be read, or there is no terminal for a prompt.
    """
    from wao_predict.errors import UsageError

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


@contextmanager
def naming_server(url: str) -> Iterator[None]:
    """Show the answer of a server within this context: one of another form is an error that names the server.

    Raises
    ------
    RemoteError
        The answer has another form than the code within the context expects.
    """
    from wao_predict.errors import RemoteError, WaoError

    try:
        yield
    except WaoError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise RemoteError(
            f"{url}: the answer has another form ({type(error).__name__} {error!s:.60}): give the address of the right "
            "application, and use the same version of wao",
            endpoint=url,
        ) from error


def get_json(url: str, path: str, how: Connection, *, body: object = None, max_bytes: int = 2 * 1024 * 1024) -> Any:
    """Return the JSON that an app of ours answers to a GET, or to a POST of `body`.

    Raises
    ------
    RemoteError
        It refuses or does not answer; the message quotes its answer.
    """
    import json

    from wao_predict.errors import RemoteError
    from wao_predict.flow import Request
    from wao_predict.json_values import NOT_JSON
    from wao_predict.transport import HttpTransport

    content = None if body is None else json.dumps(body).encode()
    transport = HttpTransport(url, tls=how.tls, options=how.options)
    try:
        response = transport.send(Request("GET" if body is None else "POST", path, body=content, max_bytes=max_bytes))
    finally:
        transport.close()
    try:
        document = json.loads(response.body)
    except NOT_JSON:
        document = None
    if response.status != 200 or document is None:
        said = document.get("error", "") if isinstance(document, dict) else "not JSON"
        raise RemoteError(
            f"{url} answered {response.status}: {said!s:.1000}", endpoint=url, status_code=response.status
        )
    return document
