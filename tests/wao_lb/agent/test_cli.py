"""The command `wao lb-agent`, as a person runs it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.wao_predict.cli.running import Ran, wao

FLEET = Path(__file__).parents[3] / "examples" / "fleet"


def agent(*arguments: str, env: Mapping[str, str] | None = None) -> Ran:
    return wao("lb-agent", *arguments, env=env)


def test_the_rules_are_printed_without_root() -> None:
    done = agent("--manifests", str(FLEET), "--node-name", "cloud-lenovo-01", "--print")
    assert 0 == done.code, done.err
    lines = done.out.splitlines()
    assert lines[0].startswith("add table ip wao-loadbalancer")
    replaced = {f"delete table {family} wao-loadbalancer" for family in ("ip", "ip6")}
    assert replaced == {line for line in lines if not line.startswith("add ")}
    assert any("numgen random mod 16777216 map @split-" in line for line in lines)
    assert any(line.startswith("add table ip6 wao-loadbalancer") for line in lines)


def test_a_weight_service_that_is_gone_is_reported_and_the_rules_have_equal_weights() -> None:
    done = agent("--manifests", str(FLEET), "--weights-url", "http://127.0.0.1:1", "--print")
    assert 0 == done.code
    assert "did not answer" in done.err
    assert "; weights are equal" in done.err
    assert "map @split-" in done.out


def test_all_wrong_options_are_reported_together() -> None:
    done = agent(
        "--manifests", str(FLEET), "--cluster-cidr", "10.0.0.0/33", "--pod-interface", 'x"; flush ruleset',
        "--weights-url", "http://wao-lb", "--weights-ca", "/no/such/file", "--proxy-name", "a b", "--once", "--print",
    )  # fmt: skip
    assert 0 != done.code
    for message in (
        "--cluster-cidr",
        "--pod-interface",
        "--weights-url",
        "--weights-ca",
        "--proxy-name",
        "--once, --print",
    ):
        assert message in done.err, message
    assert "" == done.out


def test_an_empty_proxy_name_is_refused_with_the_reason() -> None:
    done = agent("--manifests", str(FLEET), "--proxy-name", "", "--print")
    assert 0 != done.code
    assert "in place of kube-proxy" in done.err


SAMPLE = """
apiVersion: v1
kind: Service
metadata:
  name: nginx-waolb
  namespace: default
  labels: {service.kubernetes.io/service-proxy-name: wao-loadbalancer}
  annotations: {waok8s.github.io/cpu-per-request: 500m}
spec:
  selector: {app: nginx}
  ports: [{name: http, port: 80, targetPort: 80}]
"""
"""wao-loadbalancer/config/samples/svc-waolb.yaml of waok8s, with a namespace."""


def test_the_sample_of_the_reference_without_a_cluster_ip_says_what_to_write(tmp_path: Path) -> None:
    (tmp_path / "service.yaml").write_text(SAMPLE)
    done = agent("--manifests", str(tmp_path), "--node-name", "n", "--print")
    assert done.code == 0
    assert "Service default/nginx-waolb is not served: it has no cluster IP" in done.err
    assert "write spec.clusterIP" in done.err


@pytest.mark.parametrize(("variable", "served"), [("wao-loadbalancer", True), ("", True), ("another", False)])
def test_the_variable_of_the_reference_names_the_proxy(tmp_path: Path, variable: str, served: bool) -> None:
    (tmp_path / "service.yaml").write_text(SAMPLE.replace("spec:", "spec:\n  clusterIP: 10.96.0.10"))
    done = agent("--manifests", str(tmp_path), "--node-name", "n", "--print", env={"WAO_SERVICE_PROXY_NAME": variable})
    assert ("10.96.0.10 . tcp . 80" in done.out) is served
