"""The command: which checks are made, what is printed, and the exit code."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from tests.fakes.healthy_cluster import SETTINGS
from wao_doctor.cli import doctor
from wao_doctor.diagnosis import select, usual_kubeconfig
from wao_predict.errors import UsageError

FLEET = Path(__file__).parents[2] / "examples" / "fleet"


def run(*arguments: object) -> Result:
    app = typer.Typer()
    app.command()(doctor)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    (tmp_path / "a.yaml").write_text("kind: NodeConfig\nmetadata: {name: x}\n")
    return tmp_path


def test_a_folder_in_order_has_exit_code_0() -> None:
    result = run("--manifests", FLEET)
    assert result.exit_code == 0
    assert "no problems; 3 of 3 checks fine" in result.stdout


def test_a_folder_with_an_error_has_exit_code_1_also_as_json(broken: Path) -> None:
    result = run("--manifests", broken, "--output", "json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["severity"] == "error"
    assert [check["name"] for check in document["checks"]] == ["manifests", "sensors", "models"]


def test_only_the_selected_checks_are_made(broken: Path) -> None:
    result = run("--manifests", broken, "--only", "models", "-o", "json")
    assert (result.exit_code, [item["name"] for item in json.loads(result.stdout)["checks"]]) == (0, ["models"])


def test_the_checks_are_listed() -> None:
    result = run("--list")
    assert result.exit_code == 0
    assert "crds " in result.stdout
    assert "standby " in result.stdout


def test_a_bundle_is_written_next_to_the_report(broken: Path, tmp_path: Path) -> None:
    path = tmp_path / "bundle.tar.gz"
    result = run("--manifests", broken, "--bundle", path)
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (1, f"written: {path}")
    with tarfile.open(path) as archive:
        assert "wao-doctor/report.json" in archive.getnames()


def test_an_api_server_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    named = {
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }
    file.write_text(json.dumps({"current-context": "c", **named}))
    result = run("--kubeconfig", file)
    assert result.exit_code == 1
    assert "ERROR  api-server: The API server does not answer." in result.stdout
    assert "14 checks could not be made." in result.stdout


@pytest.mark.parametrize(
    "arguments", [["--manifests", "/nowhere"], ["--scheduler-config", "x"], ["--output", "xml"], ["--timeout", "0"]]
)
def test_a_wrong_command_line_has_exit_code_2(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_an_unknown_check_is_refused_with_the_names_of_all() -> None:
    with pytest.raises(UsageError, match=r"there is no check 'crd'; choose from api-server, crds"):
        select(SETTINGS, ["crd"], folder=False)
    with pytest.raises(UsageError, match="the check crds needs a cluster"):
        select(SETTINGS, ["crds"], folder=True)
    with pytest.raises(UsageError, match="the check manifests needs a folder of manifests"):
        select(SETTINGS, ["manifests"], folder=False)


def test_outside_a_pod_the_kubeconfig_of_kubectl_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert usual_kubeconfig() is None
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").touch()
    assert usual_kubeconfig() == tmp_path / ".kube" / "config"
