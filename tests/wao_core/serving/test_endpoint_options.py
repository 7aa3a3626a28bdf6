"""What endpoints may reach, as the options of the servers say."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.fakes.certificates import self_signed_in
from wao_core.serving.endpoint_options import EndpointOptions
from wao_predict.cli import build
from wao_predict.connection import TlsPolicy
from wao_predict.errors import ModelLoadError, UsageError


def test_in_standalone_mode_this_machine_and_every_model_file_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "mine.onnx").touch()
    access = EndpointOptions().access(standalone=True)
    assert access.rule.allows("127.0.0.1")
    assert access.rule.allows("10.1.2.3")
    assert access.model_files.find(str(tmp_path / "mine.onnx")) == tmp_path / "mine.onnx"


def test_in_a_cluster_shipped_models_only_and_no_loopback(tmp_path: Path) -> None:
    (tmp_path / "mine.onnx").touch()
    access = EndpointOptions().access(standalone=False)
    assert not access.rule.allows("127.0.0.1")
    assert access.model_files.find("edge_lenovo").name == "edge_lenovo.onnx"
    with pytest.raises(ModelLoadError, match="is not available"):
        access.model_files.find(str(tmp_path / "mine.onnx"))


@pytest.mark.parametrize("standalone", [True, False])
def test_a_folder_holds_in_both_modes(tmp_path: Path, standalone: bool) -> None:
    (tmp_path / "models").mkdir()
    for name in ("models/mine.onnx", "outside.onnx"):
        (tmp_path / name).touch()
    files = EndpointOptions(model_folder=tmp_path / "models").access(standalone=standalone).model_files
    assert files.find("mine.onnx") == (tmp_path / "models" / "mine.onnx").resolve()
    for source in ("../outside.onnx", str(tmp_path / "outside.onnx")):
        with pytest.raises(ModelLoadError, match="--model-folder"):
            files.find(source)


def test_networks() -> None:
    options = EndpointOptions(endpoint_network=["10.1.0.0/16", "127.0.0.0/8"])
    rule = options.access(standalone=False).rule
    assert [rule.allows(text) for text in ("10.1.2.3", "127.0.0.1", "10.2.0.1")] == [True, True, False]
    rule = EndpointOptions(refuse_network=["10.96.0.0/12"]).access(standalone=False).rule
    assert [rule.allows(text) for text in ("10.96.0.1", "10.1.2.3")] == [False, True]


def test_all_that_is_wrong_is_reported_at_once(tmp_path: Path) -> None:
    options = EndpointOptions(model_folder=tmp_path / "none", refuse_network=["10.0.0.0/99"])
    folder, network = options.problems()
    assert folder == f"--model-folder {tmp_path / 'none'}: there is no such folder"
    assert network.startswith("--refuse-network: '10.0.0.0/99'")
    with pytest.raises(UsageError):
        options.access(standalone=False)


def test_certificates_are_verified_by_the_systems_authorities_by_default() -> None:
    assert EndpointOptions().access(standalone=False).tls == TlsPolicy()


def test_the_default_for_certificates(tmp_path: Path) -> None:
    authority = self_signed_in(tmp_path).certificate
    assert EndpointOptions(endpoint_ca_file=authority).access(standalone=False).tls == TlsPolicy(ca_file=authority)
    insecure = EndpointOptions(endpoint_insecure_skip_verify=True)
    assert insecure.access(standalone=False).tls == TlsPolicy(insecure=True)


def test_authorities_that_cannot_be_read_are_reported_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("no certificate")
    for name in ("no.pem", "absent.pem"):
        (problem,) = EndpointOptions(endpoint_ca_file=tmp_path / name).problems()
        assert problem.startswith(f"--endpoint-ca-file: the CA certificates {tmp_path / name} cannot be read")
    both = EndpointOptions(endpoint_ca_file=tmp_path / "no.pem", endpoint_insecure_skip_verify=True)
    assert both.problems() == ["--endpoint-ca-file with --endpoint-insecure-skip-verify: remove one of the two"]


@pytest.mark.parametrize("command", ["metrics-api", "scheduler", "lb"])
def test_every_server_that_opens_models_has_the_options(command: str, tmp_path: Path) -> None:
    wrong = [
        command,
        f"--manifests={tmp_path}",
        "--endpoint-network=10.0.0.0/99",
        f"--model-folder={tmp_path / 'none'}",
        "--endpoint-ca-file=x",
        "--endpoint-insecure-skip-verify",
    ]
    ran = CliRunner().invoke(build(), wrong)
    assert ran.exit_code != 0
    said = f"{ran.output} {ran.exception}"
    assert "--endpoint-network" in said
    assert "--model-folder" in said
    assert "--endpoint-ca-file with --endpoint-insecure-skip-verify" in said
