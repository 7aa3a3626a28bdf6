"""The shared options: declared once, checked together."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from wao_core.serving.options import LogFormat, ServerOptions, server_options
from wao_predict.errors import UsageError


def command(seen: list[object]) -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @server_options(port=6443)
    def serve(server: ServerOptions, colour: str = "red") -> None:
        """Serve."""
        seen.extend([server, colour])

    return app


def test_a_command_gets_all_shared_options_as_one() -> None:
    seen: list[object] = []
    result = CliRunner().invoke(
        command(seen), ["--host", "::1", "--log-format", "json", "--colour", "blue", "--insecure-http"]
    )
    assert result.exit_code == 0, result.output
    server, colour = seen
    assert isinstance(server, ServerOptions)
    assert (server.host, server.port, server.log_format, server.insecure_http, colour) == (
        "::1",
        6443,
        LogFormat.JSON,
        True,
        "blue",
    )


def test_environment_variables_set_them_too() -> None:
    seen: list[object] = []
    CliRunner().invoke(command(seen), [], env={"WAO_PORT": "7000", "WAO_DRAIN": "3"})
    server = seen[0]
    assert isinstance(server, ServerOptions)
    assert (server.port, server.drain_seconds) == (7000, 3.0)


def test_everything_wrong_is_reported_at_once(tmp_path: Path) -> None:
    options = ServerOptions(
        host="0.0.0.0",
        port=70_000,
        insecure_http=True,
        tls_cert_file=tmp_path / "no.crt",
        manifests=tmp_path / "no-folder",
    )
    with pytest.raises(UsageError) as caught:
        options.check("--colour: choose one")
    for part in ("--port 70000", "give both or neither", "no.crt", "no-folder", "--insecure-http", "--colour"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("host", "loopback"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("h", False)]
)
def test_drains_only_where_others_can_connect(host: str, loopback: bool) -> None:
    options = ServerOptions(host=host)
    assert (options.loopback, options.drain_seconds) == (loopback, 0.0 if loopback else 10.0)
