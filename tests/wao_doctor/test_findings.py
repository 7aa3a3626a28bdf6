"""Findings, their kinds, and the words of both."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import wao_doctor
from wao_doctor.findings import Kind, Outcome, Severity, duration, listed

FOLDER = Path(wao_doctor.__file__).parent
MODULES = [
    ".".join(("wao_doctor", *path.relative_to(FOLDER).with_suffix("").parts))
    for path in sorted(FOLDER.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]
KIND = Kind("x-missing", Severity.WARNING, "X is missing.", "It is.", "where", "kubectl apply -k {folder}")


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_the_names_in_a_remedy_are_those_of_the_finding() -> None:
    assert KIND.names == ["folder"]
    assert KIND.found("x", folder="manifests/x").remedy == "kubectl apply -k manifests/x"
    with pytest.raises(KeyError):
        KIND.found("x")


def test_many_subjects_are_sorted_and_counted() -> None:
    assert KIND.found(["c", "a", "b"], folder="f").subject == "a, b, c"
    assert KIND.found("edcba", folder="f").subject == "edcba"
    assert KIND.found(list("edcba"), folder="f").subject == "a, b, c and 2 more"


def test_one_name_more_than_the_limit_is_shown_instead_of_counted() -> None:
    assert listed(list("abcd")) == "a, b, c, d"


def test_an_outcome_is_as_bad_as_its_worst_finding() -> None:
    worst = KIND.found("x", folder="f", severity=Severity.ERROR)
    assert Outcome("").severity is Severity.OK
    assert Outcome("", [KIND.found("x", folder="f"), worst]).severity is Severity.ERROR


def test_severities_are_in_order() -> None:
    order = [Severity.OK, Severity.INFO, Severity.UNKNOWN, Severity.WARNING, Severity.ERROR]
    assert sorted(Severity, key=lambda item: item.rank) == order


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0s"), (119, "119s"), (120, "2m"), (7200, "2h"), (-172_800, "2d")])
def test_a_duration_has_one_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text
