"""The threat model names tests that exist, and the image is made of locked packages only."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
DEFINED = {
    name
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^(?:async )?def (test_\w+)\(", path.read_text(), re.MULTILINE)
}
NAMED = sorted(set(re.findall(r"`(test_\w+)`", PAGE)))


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_the_threat_model_names_exists(name: str) -> None:
    assert name in DEFINED


def test_every_threat_has_a_test_or_says_what_it_needs() -> None:
    threats = [line for line in PAGE.partition("## Threats")[2].partition("## Report")[0].splitlines() if "|" in line]
    rows = [line.strip("|").split("|") for line in threats if not re.match(r"\| threat |\|---", line)]
    assert len(rows) > 25
    assert [row[0] for row in rows if "`test_" not in row[3] and "needs" not in row[2]] == []


def test_the_base_image_is_pinned_by_digest() -> None:
    bases = [line.split()[1] for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("FROM ")]
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+@sha256:[0-9a-f]{64}", bases[0])


def test_every_package_of_the_image_is_locked_by_hash() -> None:
    lock = (ROOT / "requirements" / "image.txt").read_text()
    packages = re.split(r"\n(?=[a-z0-9])", re.sub(r"^\s*#.*\n", "", lock, flags=re.MULTILINE).strip())
    assert len(packages) > 30
    assert [package.split()[0] for package in packages if "--hash=sha256:" not in package] == []
    assert "--require-hashes -r requirements/image.txt" in (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("digest", ["sha256:" + "a" * 64, "sha256:" + "b" * 64])
def test_the_digest_of_the_base_image_is_written_into_the_dockerfile(tmp_path: Path, digest: str) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text((ROOT / "Dockerfile").read_text())
    for given in ("sha256:" + "c" * 64, digest):
        command = ["make", "-s", "-C", str(ROOT), "pin-base", f"DOCKERFILE={dockerfile}", f"DIGEST={given}"]
        subprocess.run(command, check=True, capture_output=True)
    bases = [line.split()[1] for line in dockerfile.read_text().splitlines() if line.startswith("FROM ")]
    assert len(bases) == 2
    assert {base.partition("@")[2] for base in bases} == {digest}


@pytest.mark.parametrize("digest", ["", "latest", "sha256:abc", "sha256:" + "a" * 64 + " ; id"])
def test_a_digest_of_another_form_is_refused(tmp_path: Path, digest: str) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("FROM python:3.11-slim\n")
    command = ["make", "-s", "-C", str(ROOT), "pin-base", f"DOCKERFILE={dockerfile}", f"DIGEST={digest}"]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0
    assert dockerfile.read_text() == "FROM python:3.11-slim\n"


def test_no_module_reads_a_format_that_runs_code() -> None:
    runs_code = {"pickle", "marshal", "shelve", "joblib", "dill", "cloudpickle"}
    imported = {
        (path.name, name.partition(".")[0])
        for folder in ROOT.glob("wao_*")
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in _imports(node)
    }
    assert len(imported) > 100
    assert [found for found in imported if found[1] in runs_code] == []


def _imports(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
