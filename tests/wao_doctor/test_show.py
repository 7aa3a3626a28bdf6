"""The report in a terminal of 80 columns."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.fakes.healthy_cluster import NOW, SETTINGS, certificate, condition, config, healthy
from wao_doctor.facts import CertificatePlace, Facts, Listed, Missing
from wao_doctor.registry import checks
from wao_doctor.report import examine
from wao_doctor.show import lines, plain

CHECKS = [check for check in checks(SETTINGS) if check.cluster]
FAILING = condition("Collecting", "False", "NoMetric", "inlet_temp: the BMC refused the credentials")


def shown(facts: Facts, *, width: int = 80, everything: bool = False) -> list[str]:
    report = examine(CHECKS, facts, about="https://10.0.0.1:6443", version="0.1.0")
    return [text.plain for text in lines(report, width=width, everything=everything)]


def broken() -> Facts:
    return healthy(
        crds={},
        node_configs=Listed((config("n1"), config("n2", FAILING))),
        certificates=(CertificatePlace("Secret wao-system/wao-lb-tls", "server", (certificate(left=-86400 * 3),)),),
        services=Missing("GET /api/v1/services: 403", "Grant it."),
        daemon_sets=Missing("GET /api/v1/services: 403", "Grant it."),
    )


def test_a_healthy_cluster_is_one_line_for_each_check() -> None:
    text = shown(healthy())
    assert text[:3] == [
        "wao 0.1.0, https://10.0.0.1:6443, 2027-01-15 08:00:00 UTC",
        f"no problems; {len(CHECKS)} of {len(CHECKS)} checks fine",
        "",
    ]
    assert len(text) == 3 + len(CHECKS)
    assert all(line.startswith("ok  ") for line in text[3:])


def test_problems_are_first_with_subject_evidence_and_remedy() -> None:
    text = shown(broken())
    assert text[1] == "3 errors, 1 warning, 1 not known; 11 of 15 checks fine"
    begin = text.index("ERROR  certificates: A certificate has expired.")
    assert text[begin + 1 : begin + 4] == [
        "  Secret wao-system/wao-lb-tls",
        "  CN=wao expired 3d ago",
        "  fix: Look at the log of the controller: kubectl -n wao-system logs",
    ]
    heads = [line.split()[0] for line in text if line[:1].isupper() and "  " in line[:9]]
    assert heads == ["ERROR", "ERROR", "WARNING", "UNKNOWN"]


@pytest.mark.parametrize("width", [40, 80, 100])
def test_no_line_is_wider_than_the_terminal_except_for_long_words(width: int) -> None:
    for line in shown(broken(), width=width)[2:]:
        assert len(line) <= width or max(len(word) for word in line.split()) > width - 20, line


def test_checks_that_are_not_known_for_one_reason_are_one_block() -> None:
    text = shown(Facts(now=NOW, server=Missing("no answer in time", "Check the network.")))
    assert sum(line.startswith("UNKNOWN") for line in text) == 1
    assert sum(line.startswith("ERROR") for line in text) == 1


def test_notes_are_in_brackets_or_in_full() -> None:
    noted = healthy(node_configs=Listed((config("n1"), config("n2", condition("Predicting", "False", "NoPredictor")))))
    assert any(line.endswith("[node-without-model]") for line in shown(noted))
    assert any(line.startswith("INFO  models:") for line in shown(noted, everything=True))


def test_control_characters_in_messages_of_others_are_escapes() -> None:
    evil = replace(broken(), services=Missing("\x1b[31mred\nline"))
    assert "\x1b" not in "".join(shown(evil))


def test_the_text_for_a_file_has_no_colours_and_all_notes() -> None:
    report = examine(CHECKS, broken(), about="x", version="0.1.0")
    assert "\x1b" not in plain(report)
    assert plain(report).startswith("wao 0.1.0, x, ")
