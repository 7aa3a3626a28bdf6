"""The alert rules and the queries of the dashboards in the real promtool: make test-interop fetches it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.generator.servers import read_servers
from tests.interop.conftest import ROOT

pytestmark = pytest.mark.interop
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool") or shutil.which(ROOT / ".cache" / "prometheus" / "usr" / "bin" / "promtool")
    if found is None:
        pytest.skip("promtool is not there: make test-interop fetches it on Debian")
    return str(found)


@pytest.fixture(scope="module")
def rules() -> dict[str, Any]:
    document = yaml.safe_load((ROOT / "manifests" / "monitoring" / "rules.yaml").read_text())
    return dict(document["spec"])


def queries() -> list[str]:
    boards = [json.loads(path.read_text()) for path in (ROOT / "manifests/monitoring/dashboards").glob("*.json")]
    panels = [panel for board in boards for panel in board["panels"]]
    return [target["expr"] for panel in panels for target in panel.get("targets", [])]


def check(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_valid(promtool: str, rules: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    check(promtool, "check", "rules", tmp_path / "rules.yaml")


def test_promtool_has_no_objection_to_the_metrics(promtool: str) -> None:
    """Those of kube-apiserver are named as there: `apiserver_request_total`."""
    for name, server in read_servers().items():
        done = subprocess.run([promtool, "check", "metrics"], input=server.metrics, capture_output=True, text=True)
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"


def test_alerts_fire_when_they_must_and_only_then(promtool: str, rules: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    shutil.copy(HERE / "rules_test.yaml", tmp_path)
    check(promtool, "test", "rules", tmp_path / "rules_test.yaml")


def test_each_alert_has_a_test(rules: dict[str, Any]) -> None:
    tests = yaml.safe_load((HERE / "rules_test.yaml").read_text())["tests"]
    tested = {item["alertname"] for test in tests for item in test.get("alert_rule_test", []) if item["exp_alerts"]}
    assert tested == {rule["alert"] for group in rules["groups"] for rule in group["rules"] if "alert" in rule}


def test_the_queries_of_dashboards_are_valid(promtool: str, tmp_path: Path) -> None:
    """As recording rules, with values for Grafana's variables."""
    names = {"$__rate_interval": "5m", "$__range_s": "3600", "$__range": "1h"}
    found = [re.sub(r"\$__\w+", lambda match: names[match[0]], query) for query in queries()]
    named = [{"record": f"query_{number}", "expr": query} for number, query in enumerate(found)]
    (tmp_path / "queries.yaml").write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": named}]}))
    check(promtool, "check", "rules", tmp_path / "queries.yaml")
