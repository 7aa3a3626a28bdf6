"""The documentation is complete, in plain words, and its examples run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import wao_predict
from docs.generator.commands import commands

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
READS_LIKE_A_TRANSLATION = re.compile(
    r"\b(told|tells|dear(er|est)?|anew|besides?|stands?|asked|given out|com(e|es|ing) by|turn(s|ing)? to|of a fall"
    r"|go(es)? by|lets? it go|belongs? into|in vain|lest|hence|thereof|therein|wherein|whilst|is there a|as good as)\b",
    re.IGNORECASE,
)


def command_texts() -> Iterator[str]:
    for _, command in commands():
        yield command.help or ""
        yield from (parameter.help or "" for parameter in command.params)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_uses_common_words(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if READS_LIKE_A_TRANSLATION.search(line)] == []


def test_the_help_of_commands_uses_common_words() -> None:
    assert [text for text in command_texts() if READS_LIKE_A_TRANSLATION.search(text)] == []


def test_each_decision_has_a_number_of_its_own() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
    headings = [page.read_text(encoding="utf-8").split(".", 1)[0] for page in pages]
    assert headings == [f"# {number}" for number in range(1, len(pages) + 1)]
    assert [page.name[:4] for page in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]


def test_the_api_reference_has_every_public_name() -> None:
    page = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    public = re.split(r"^## Modules", page, flags=re.MULTILINE)[0]
    assert sorted(re.findall(r"^\.\. auto\w+:: (\w+)$", public, flags=re.MULTILINE)) == sorted(wao_predict.__all__)


def test_the_python_of_the_library_page_runs() -> None:
    page = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    namespace: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(block, namespace)
    assert sum(namespace["answer"].per_node.values()) == 20  # type: ignore[attr-defined]


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/decisions/0*.md")), ids=lambda page: page.name)
def test_a_decision_has_at_most_40_lines(page: Path) -> None:
    assert len(page.read_text(encoding="utf-8").splitlines()) <= 40
