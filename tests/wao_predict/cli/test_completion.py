"""`wao completion`."""

from __future__ import annotations

import subprocess

import pytest

from tests.wao_predict.cli.running import wao


def test_bash_accepts_the_script() -> None:
    script = wao("completion", "bash").out
    assert "_WAO_COMPLETE" in script
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize("shell", ["zsh", "fish", "powershell"])
def test_other_shells_have_a_script(shell: str) -> None:
    assert "wao" in wao("completion", shell).out


def test_an_unknown_shell_is_refused() -> None:
    ran = wao("completion", "csh")
    assert (ran.code, "bash" in ran.err) == (2, True)
