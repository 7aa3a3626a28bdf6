"""`wao models`."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from wao_predict import UsageError
from wao_predict.cli.models import models
from wao_predict.models import list_models, model_path


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    made.command()(models)
    return made


def run(app: typer.Typer, *arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_the_list_has_each_model_with_its_error_and_licence(app: typer.Typer) -> None:
    shown = run(app)
    for info in list_models():
        (line,) = (line for line in shown.splitlines() if f" {info.name} " in line)
        assert f"{info.metrics['held_out']['all']['mape']:.2f}" in line
        assert "Apache-2.0" in line


def test_json_has_everything(app: typer.Typer) -> None:
    documents = json.loads(run(app, "--output", "json"))
    assert [document["name"] for document in documents] == [info.name for info in list_models()]
    first = documents[0]
    assert Path(first["path"]).stat().st_size == first["bytes"]
    assert first["ranges"]["cpu_usage"] == [0.1, 100.0]
    assert first["metrics"]["held_out"]["all"]["mape"] > 0
    assert first["license"] == "Apache-2.0"
    assert "waok8s" in first["source"]


@pytest.mark.parametrize("output", ["table", "json"])
def test_one_model_by_name_or_by_path(app: typer.Typer, output: str) -> None:
    by_name = run(app, "edge_lenovo", "-o", output)
    assert by_name == run(app, str(model_path("edge_lenovo")), "-o", output)
    assert "edge_lenovo" in by_name
    assert "Osaka University" in by_name


def test_an_unknown_model_is_told(app: typer.Typer) -> None:
    with pytest.raises(UsageError, match="no included model"):
        CliRunner().invoke(app, ["edge"], catch_exceptions=False)
