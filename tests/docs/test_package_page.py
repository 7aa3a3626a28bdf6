"""What a package index shows: the README without links that lead nowhere, and the project's links."""

from __future__ import annotations

import re
from importlib import util
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def hook() -> Any:
    spec = util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("repository", ["", "https://git.example/wao"])
def test_no_link_and_no_picture_is_relative(hook: Any, repository: str) -> None:
    text = hook.index_readme(README, repository)
    targets = re.findall(r"\]\(([^)]+)\)", text)
    assert targets
    assert all(target.startswith("https://") for target in targets)


def test_links_and_pictures_lead_into_the_repository_where_it_is_known(hook: Any) -> None:
    text = hook.index_readme(README, "https://git.example/wao")
    assert "](https://git.example/wao/blob/main/docs/deployment.md)" in text
    assert "](https://git.example/wao/raw/main/docs/images/curve.svg)" in text
    assert hook.project_urls("https://git.example/wao")["Changelog"] == "https://git.example/wao/blob/main/CHANGELOG.md"


def test_the_text_of_links_stays_without_a_repository(hook: Any) -> None:
    assert hook.index_readme("See [the page](docs/a.md#b).\n\n![A curve](a.svg)\n\nEnd", "") == "See the page.\n\nEnd"


def test_every_relative_link_of_the_readme_exists() -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", README):
        assert (ROOT / target).exists(), target
