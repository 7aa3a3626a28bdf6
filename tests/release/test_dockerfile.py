"""What is read of a Dockerfile, and what is refused by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.image.base import suite_and_python
from release.image.dockerfile import DockerfileError, parse

ROOT = Path(__file__).parents[2]


def test_stages_instructions_comments_and_continued_lines_are_read() -> None:
    first = "# syntax\nFROM a:1 AS build\nRUN one \\\n# between\n && two\n\n"
    text = first + 'FROM b\nCMD ["--help", "x y"]\nENV A=1 B=\'2 3\'\n'
    build, last = parse(text)
    assert (build.base, build.name, last.base, last.name) == ("a:1", "build", "b", "")
    assert [(item.word, item.text, item.line) for item in build.instructions] == [("RUN", "one  && two", 3)]
    assert [item.words() for item in last.instructions] == [["--help", "x y"], ["A=1", "B=2 3"]]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "there is no FROM"),
        ("RUN x\n", "line 1: RUN is not supported here"),
        ("FROM a\nADD x y\n", "line 2: ADD is not supported here"),
        ("FROM --platform=x a\n", "line 1: FROM --platform=x a: only FROM IMAGE"),
        ("FROM a\nRUN x \\\n", "line 2: the instruction has no end"),
    ],
)
def test_what_cannot_be_carried_out_is_named_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(DockerfileError, match=problem):
        parse(text)


def test_our_dockerfile_can_be_read_and_its_base_is_known() -> None:
    for stage in parse((ROOT / "Dockerfile").read_text(encoding="utf-8")):
        suite, python = suite_and_python(stage.base)
        assert suite.isalpha()
        assert python.startswith("3.")


def test_another_base_is_refused() -> None:
    with pytest.raises(DockerfileError, match="only python:VERSION-slim-SUITE"):
        suite_and_python("alpine:3")
