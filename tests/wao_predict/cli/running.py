"""Runs the command line as a person does, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Ran:
    """What came of a command."""

    code: int
    out: str
    err: str


def wao(*arguments: str, stdin: str | bytes = "", env: Mapping[str, str] | None = None) -> Ran:
    """Run `wao` with these arguments."""
    done = subprocess.run(
        [sys.executable, "-m", "wao_predict.cli", *arguments],
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "COLUMNS": "140", "NO_COLOR": "1", **(env or {})},
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def wao_to_a_closed_pipe(*arguments: str, stdin: str) -> Ran:
    """Run `wao` with a reader of its output that has gone away, as `| head` does."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "wao_predict.cli", *arguments],
        input=stdin.encode(),
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writing)
    return Ran(done.returncode, "", done.stderr.decode())
