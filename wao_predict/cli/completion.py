"""`wao completion`: the script that completes commands, options and model names in a shell."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Shell(StrEnum):
    """A shell with completion."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    POWERSHELL = "powershell"


def completion(shell: Annotated[Shell, typer.Argument(help="The shell.")]) -> None:
    """Print the completion script of a shell.

    For the present session: `source <(wao completion bash)`. For all sessions: `wao completion bash >
    /etc/bash_completion.d/wao`, or `wao --install-completion`.
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # it has no public module

    typer.echo(get_completion_script(prog_name="wao", complete_var="_WAO_COMPLETE", shell=shell.value))
