"""The commands of `wao standby`, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from wao_fleet.standby.cli import app

RUNNER = CliRunner()


def test_wake_takes_a_node_or_all_nodes() -> None:
    for arguments in (["wake"], ["wake", "n1", "--all"]):
        result = RUNNER.invoke(app, arguments)
        assert result.exit_code == 2
        assert "give the name of a node or --all" in result.output


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--window=night", "the window 'night' is not valid"),
        ("--time-zone=Berlin", "the time zone 'Berlin' is not known"),
        ("--spare-percent=120", "spare_percent is 120: give a number from 0 to 100"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_before_anything_starts(flag: str, message: str) -> None:
    result = RUNNER.invoke(app, ["controller", flag])
    assert message in str(result.exception)


def test_the_api_server_must_be_reachable(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(json.dumps({}))
    result = RUNNER.invoke(app, ["status", "--kubeconfig", str(kubeconfig)])
    assert "cannot be used" in str(result.exception)
