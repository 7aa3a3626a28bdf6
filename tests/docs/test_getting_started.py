"""The page for newcomers: its commands run one after the other, and print what the page shows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


def transcript() -> list[tuple[str, str]]:
    """Return each command of the page and what the page shows after it."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL):
        for command, shown in re.findall(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            found.append((command.replace("\\\n", ""), shown))
    return found


def test_every_command_prints_what_the_page_shows(tmp_path: Path) -> None:
    """Words are the same; figures may differ by 2 %, as another version of numpy may draw other pods."""
    for file in (ROOT / "examples" / "start").iterdir():
        shutil.copy(file, tmp_path)
    commands = transcript()
    assert [command.split()[:2] for command, _ in commands if command.startswith("wao")] == [
        ["wao", "models"],
        ["wao", "models"],
        ["wao", "what-if"],
        ["wao", "simulate"],
    ]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "COLUMNS": "100", "NO_COLOR": "1"}
    for command, shown in commands:
        ran = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
        assert words(ran.stdout) == words(shown), command
        assert numbers(ran.stdout) == pytest.approx(numbers(shown), rel=0.02, abs=0.5), command
    assert "What would be saved on rack" in (tmp_path / "saving.html").read_text()


def words(text: str) -> list[str]:
    """Return a text without figures and table borders."""
    return [word for word in re.split(r"[\s─━│┃┏┓┗┛└┘┌┐├┤┡┩╇┳┴╃┼]+", NUMBER.sub("#", text)) if word]


def numbers(text: str) -> list[float]:
    """Return the figures of a text."""
    return [float(figure.replace(",", "")) for figure in NUMBER.findall(text)]
