"""Which files a Dockerfile may copy: those that .dockerignore leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.image.context import BuildContext
from release.image.dockerfile import parse

ROOT = Path(__file__).parents[2]


@pytest.fixture
def context(tmp_path: Path) -> BuildContext:
    for name in ("a.py", "wao_x/b.py", "wao_x/__pycache__/b.pyc", "examples/bmc/c", "examples/other/d"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return BuildContext(tmp_path, ["# all but", "*", "!wao_*", "!examples/bmc", "**/__pycache__"])


@pytest.mark.parametrize(
    ("source", "files"),
    [("a.py", []), ("wao_x", ["wao_x/b.py"]), ("examples", ["examples/bmc/c"]), ("none", [])],
)
def test_the_last_pattern_that_matches_a_file_counts(context: BuildContext, source: str, files: list[str]) -> None:
    assert [str(path) for path in context.files(source)] == files


def test_the_digest_follows_contents_and_modes(context: BuildContext) -> None:
    files = context.files("wao_x")
    before = context.digest(files)
    file = context.folder / "wao_x" / "b.py"
    file.chmod(0o755)
    changed = context.digest(files)
    file.write_text("other")
    assert len({before, changed, context.digest(files)}) == 3


def test_all_that_our_dockerfile_copies_is_in_the_context() -> None:
    context = BuildContext(ROOT, (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines())
    copied = [
        source
        for stage in parse((ROOT / "Dockerfile").read_text(encoding="utf-8"))
        for item in stage.instructions
        if item.word == "COPY" and not item.text.startswith("--from")
        for source in item.words()[:-1]
    ]
    assert copied
    assert [source for source in copied if not context.files(source)] == []
