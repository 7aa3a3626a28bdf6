"""The list of checks is complete and can be documented."""

from __future__ import annotations

import re
from dataclasses import fields

from tests.fakes.healthy_cluster import SETTINGS, healthy
from wao_doctor.facts import Facts
from wao_doctor.findings import Severity
from wao_doctor.gathering.cluster import ClusterFacts
from wao_doctor.registry import NOT_KNOWN, checks
from wao_doctor.report import examine

CHECKS = checks(SETTINGS)
KINDS = [NOT_KNOWN, *(kind for check in CHECKS for kind in check.kinds)]


def test_names_of_checks_and_kinds_are_unique_words() -> None:
    names = [check.name for check in CHECKS]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in [*names, *(kind.name for kind in KINDS)])
    by_name = {kind.name: kind for kind in KINDS}
    assert [kind for kind in KINDS if by_name[kind.name] is not kind] == []


def test_each_kind_has_a_meaning_an_evidence_and_a_remedy() -> None:
    for kind in KINDS:
        assert kind.severity is not Severity.OK
        assert kind.title.endswith("."), kind.name
        assert kind.meaning.endswith("."), kind.name
        assert kind.evidence
        assert kind.remedy


def test_each_fact_that_a_check_needs_is_one_that_is_gathered() -> None:
    facts = {field.name for field in fields(Facts)} - {"now"}
    for check in CHECKS:
        assert set(check.needs) <= facts
        if check.cluster:
            assert all(hasattr(ClusterFacts, name) for name in check.needs), check.name


def test_a_healthy_cluster_has_no_findings() -> None:
    report = examine(CHECKS, healthy(), about="x", version="1")
    assert [finding for _, finding in report.findings] == []
    assert {result.severity for result in report.results} == {Severity.OK}
