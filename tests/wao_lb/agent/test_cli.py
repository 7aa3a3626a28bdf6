"""The command `wao lb-agent`, as a person runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FLEET = Path(__file__).parents[3] / "examples" / "fleet"


def wao(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "wao_predict.cli", "lb-agent", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_rules_are_printed_without_root() -> None:
    done = wao("--manifests", str(FLEET), "--node-name", "cloud-lenovo-01", "--print")
    assert 0 == done.returncode, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("add table ip wao-loadbalancer")
    assert all(line.startswith("add ") for line in lines)
    assert any("numgen random mod 16777216 map @split-" in line for line in lines)
    assert any(line.startswith("add table ip6 wao-loadbalancer") for line in lines)


def test_a_weight_service_that_is_gone_is_told_and_the_rules_have_equal_weights() -> None:
    done = wao("--manifests", str(FLEET), "--weights-url", "http://127.0.0.1:1", "--print")
    assert 0 == done.returncode
    assert "did not answer" in done.stderr
    assert "; weights are equal" in done.stderr
    assert "map @split-" in done.stdout


def test_all_wrong_options_are_told_together() -> None:
    done = wao(
        "--manifests", str(FLEET), "--cluster-cidr", "10.0.0.0/33", "--pod-interface", 'x"; flush ruleset',
        "--weights-url", "http://wao-lb", "--weights-ca", "/no/such/file", "--proxy-name", "a b", "--once", "--print",
    )  # fmt: skip
    assert 0 != done.returncode
    for told in (
        "--cluster-cidr",
        "--pod-interface",
        "--weights-url",
        "--weights-ca",
        "--proxy-name",
        "--once, --print",
    ):
        assert told in done.stderr, told
    assert "" == done.stdout
