"""How callers are authenticated, and settings that contradict each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from wao_core.serving.options import ServerOptions
from wao_metrics_api.settings import Authentication, DelegateSettings, Settings

FOLDER, FILE = Path(__file__).parent, Path(__file__)
LOCAL = ServerOptions(manifests=FOLDER)
CLUSTER = ServerOptions()
OPEN = ServerOptions(manifests=FOLDER, host="0.0.0.0")


@pytest.mark.parametrize(
    ("settings", "server", "mode"),
    [
        (Settings(), CLUSTER, Authentication.KUBERNETES),
        (Settings(), LOCAL, Authentication.NONE),
        (Settings(token_file=FILE), LOCAL, Authentication.FILES),
        (Settings(client_ca_file=FILE), LOCAL, Authentication.FILES),
        (Settings(token_file=FILE), CLUSTER, Authentication.KUBERNETES),
        (Settings(authentication=Authentication.NONE, token_file=FILE), LOCAL, Authentication.NONE),
        (Settings(authentication=Authentication.FILES), CLUSTER, Authentication.FILES),
    ],
)
def test_auto_is_the_strongest_that_there_is(settings: Settings, server: ServerOptions, mode: Authentication) -> None:
    assert settings.mode(server) is mode
    assert Settings(authentication=mode, token_file=FILE).mode(server) is mode


@pytest.mark.parametrize(
    ("settings", "server", "problems"),
    [
        (Settings(), LOCAL, []),
        (Settings(), CLUSTER, []),
        (Settings(token_file=FILE), OPEN, []),
        (Settings(), OPEN, ["--host 0.0.0.0 without authentication"]),
        (Settings(authentication=Authentication.NONE), OPEN, ["--host 0.0.0.0 without authentication"]),
        (Settings(authentication=Authentication.FILES), LOCAL, ["--authentication files: give --token-file"]),
        (Settings(authentication=Authentication.KUBERNETES), LOCAL, ["kubernetes needs an API server"]),
        (Settings(), ServerOptions(insecure_http=True), ["--insecure-http: client certificates need TLS"]),
        (
            Settings(client_ca_file=FILE),
            ServerOptions(manifests=FOLDER, insecure_http=True),
            ["--insecure-http: client certificates need TLS"],
        ),
        (
            Settings(token_file=FOLDER / "gone", client_ca_file=FOLDER / "away"),
            LOCAL,
            ["--token-file", "--client-ca-file"],
        ),
    ],
)
def test_problems_name_their_flags(settings: Settings, server: ServerOptions, problems: list[str]) -> None:
    found = settings.problems(server)
    assert len(found) == len(problems)
    assert all(words in problem for words, problem in zip(problems, found, strict=True))


@pytest.mark.parametrize(
    ("delegate", "problems"),
    [
        (DelegateSettings(url="https://prometheus-adapter.monitoring.svc"), []),
        (DelegateSettings(url="https://other.example:6443/", ca_file=FILE, token_file=FILE), []),
        (DelegateSettings(url="http://other.example"), ["must begin with https://"]),
        (DelegateSettings(url="https://other.example/apis"), ["without a path"]),
        (DelegateSettings(url="other.example"), ["--delegate: "]),
        (DelegateSettings(url="https://other.example", fingerprint="AA:BB"), ["SHA-256"]),
        (
            DelegateSettings(url="https://other.example", ca_file=FOLDER / "gone", token_file=FOLDER / "away"),
            ["--delegate-ca-file", "--delegate-token-file"],
        ),
    ],
)
def test_the_address_of_a_delegate_is_checked_at_the_start(delegate: DelegateSettings, problems: list[str]) -> None:
    found = Settings(delegate=delegate).problems(CLUSTER)
    assert len(found) == len(problems)
    assert all(words in problem for words, problem in zip(problems, found, strict=True))
