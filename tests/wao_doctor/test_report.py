"""The report as data: severities, order, exit code, and checks that cannot be made."""

from __future__ import annotations

import json

from tests.fakes.healthy_cluster import NOW, SETTINGS, condition, config, healthy
from wao_doctor.facts import Facts, Listed, Missing, Server
from wao_doctor.findings import Severity
from wao_doctor.registry import checks
from wao_doctor.report import Report, examine


def report(facts: Facts, *only: str) -> Report:
    chosen = [check for check in checks(SETTINGS) if check.cluster and (not only or check.name in only)]
    return examine(chosen, facts, about="https://10.0.0.1:6443", version="0.1.0")


def test_the_exit_code_is_1_only_for_errors() -> None:
    failing = config("n2", condition("Collecting", "False", "NoMetric", "refused"))
    warned = report(healthy(node_configs=Listed((config("n1"), failing))))
    assert (warned.severity, warned.exit_code) == (Severity.WARNING, 0)
    broken = report(healthy(crds={}))
    assert (broken.severity, broken.exit_code) == (Severity.ERROR, 1)
    assert report(healthy(nodes=Missing("403"))).exit_code == 0


def test_a_missing_fact_makes_its_checks_unknown_and_no_others() -> None:
    found = report(healthy(node_configs=Missing("list nodeconfigs: 403", "Grant it.")))
    unknown = {result.check.name for result in found.results if result.severity is Severity.UNKNOWN}
    assert unknown == {"sensors", "models", "standby"}
    (finding,) = next(result for result in found.results if result.check.name == "models").outcome.findings
    assert (finding.evidence, finding.remedy) == ("list nodeconfigs: 403", "Grant it.")


def test_without_an_api_server_the_reason_is_an_error_once() -> None:
    found = report(Facts(now=NOW, server=Missing("no answer in time")))
    assert [finding.kind for _, finding in found.findings if finding.severity is Severity.ERROR] == [
        "api-server-unreachable"
    ]
    assert {finding.evidence for _, finding in found.findings[1:]} == {
        "the API server does not answer: no answer in time"
    }


def test_the_worst_findings_are_first() -> None:
    skewed = Server("https://10.0.0.1:6443", "v1.37.2", 90.0, 0.5)
    found = report(healthy(crds={}, server=skewed, services=Missing("403")))
    assert [finding.severity.value for _, finding in found.findings] == ["error", "error", "warning", "unknown"]


def test_the_document_has_every_check_with_its_findings() -> None:
    document = json.loads(json.dumps(report(healthy(crds={})).document()))
    assert document["severity"] == "error"
    assert document["counts"] == {"info": 0, "unknown": 0, "warning": 0, "error": 2}
    assert document["time"] == "2027-01-15T08:00:00Z"
    (crds,) = [check for check in document["checks"] if check["name"] == "crds"]
    assert set(crds["findings"][0]) == {"kind", "severity", "title", "subject", "evidence", "remedy"}
