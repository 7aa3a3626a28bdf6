"""The page for newcomers: its commands run one after the other, and print what the page shows."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.wao_predict.cli.running import Ran, wao

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")
SHELL = set("|<>&;$`*?~")
"""Characters by which a command needs a shell."""
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


def transcript() -> list[tuple[str, str]]:
    """Return each command of the page and what the page shows after it."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL):
        for command, shown in re.findall(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            found.append((command.replace("\\\n", ""), shown))
    return found


@pytest.mark.timeout(300)  # it simulates ten days with each of two policies
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
    for command, shown in commands:
        ran = run(command, tmp_path)
        assert ran.code == 0, ran.err
        assert words(ran.out) == words(shown), command
        assert numbers(ran.out) == pytest.approx(numbers(shown), rel=0.02, abs=0.5), command
    assert "What would be saved on rack" in (tmp_path / "saving.html").read_text()


def run(command: str, folder: Path) -> Ran:
    """Run a line of the page; a shell is started for those that need one, as it cannot use the libraries in memory."""
    environment = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "100"}
    name, *arguments = shlex.split(command)
    if name == "wao" and not set(command) & SHELL:
        return wao(*arguments, env=environment, folder=folder)
    environment = {**os.environ, **environment, "NO_COLOR": "1"}
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True)
    return Ran(done.returncode, done.stdout, done.stderr)


def words(text: str) -> list[str]:
    """Return a text without figures and table borders."""
    return [word for word in re.split(r"[\s─━│┃┏┓┗┛└┘┌┐├┤┡┩╇┳┴╃┼]+", NUMBER.sub("#", text)) if word]


def numbers(text: str) -> list[float]:
    """Return the figures of a text."""
    return [float(figure.replace(",", "")) for figure in NUMBER.findall(text)]
