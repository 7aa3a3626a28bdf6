"""Settings are checked together, and the page is never open to the network."""

from __future__ import annotations

from pathlib import Path

import pytest

from wao_core.serving.options import ServerOptions
from wao_ui.settings import Authentication, Settings


def test_authentication_follows_from_the_cluster_and_the_files(tmp_path: Path) -> None:
    folder, cluster = ServerOptions(manifests=tmp_path), ServerOptions()
    assert Settings().mode(cluster) is Authentication.KUBERNETES
    assert Settings().mode(folder) is Authentication.NONE
    assert Settings(token_file=tmp_path / "tokens").mode(folder) is Authentication.FILE


@pytest.mark.parametrize(
    ("settings", "server", "problem"),
    [
        (Settings(), {"host": "0.0.0.0", "manifests": Path()}, "without authentication"),
        (Settings(authentication=Authentication.NONE), {"host": "10.0.0.1"}, "without authentication"),
        (Settings(authentication=Authentication.FILE), {}, "give --token-file"),
        (Settings(authentication=Authentication.KUBERNETES), {"manifests": Path()}, "needs an API server"),
        (Settings(ca_file=Path("/no/such")), {}, "--ca-file /no/such: no such file"),
        (Settings(metrics_token_file=Path(__file__)), {}, "--metrics-token-file needs --metrics-url"),
        (
            Settings(metrics_token_file=Path(__file__), urls={"metrics": "http://m"}),
            {},
            "a token is sent over TLS only",
        ),
    ],
)
def test_each_problem_names_its_option(settings: Settings, server: dict[str, object], problem: str) -> None:
    assert any(problem in found for found in settings.problems(ServerOptions(**server)))  # type: ignore[arg-type]


def test_the_history_has_a_bounded_number_of_points() -> None:
    assert Settings(period=10.0, history=24.0).points == 8640
