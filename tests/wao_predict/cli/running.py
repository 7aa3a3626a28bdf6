"""Runs the command line as a person does, in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_STREAMS = ("in", "out", "err")
_TIMEOUT = 60.0
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.wao_predict.cli.preloaded"])


@dataclass(frozen=True)
class Ran:
    """What came of a command."""

    code: int
    out: str
    err: str


def wao(
    *arguments: str, stdin: str | bytes = "", env: Mapping[str, str] | None = None, folder: Path | None = None
) -> Ran:
    """Run `wao` with these arguments, in a folder if one is given.

    The process is a fork of one that has imported the libraries, which takes most of the time of a start.
    """
    with tempfile.TemporaryDirectory() as name:
        streams = Path(name)
        (streams / "in").write_bytes(_encoded(stdin))
        process = _processes.Process(
            target=_run_command, args=(streams, folder or Path.cwd(), arguments, _environment(env))
        )
        process.start()
        process.join(_TIMEOUT)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutError(f"wao {' '.join(arguments)} has not ended within {_TIMEOUT:g} s")
        code = process.exitcode
        process.close()
        return Ran(code, (streams / "out").read_text(), (streams / "err").read_text())


def wao_from_the_start(*arguments: str, env: Mapping[str, str] | None = None) -> Ran:
    """Run `python -m wao_predict.cli` with these arguments, imports included."""
    done = subprocess.run(
        [sys.executable, "-m", "wao_predict.cli", *arguments],
        input=b"",
        capture_output=True,
        timeout=_TIMEOUT,
        check=False,
        env=_environment(env),
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
        timeout=_TIMEOUT,
        check=False,
    )
    os.close(writing)
    return Ran(done.returncode, "", done.stderr.decode())


def _run_command(streams: Path, folder: Path, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
    from wao_predict.cli import main

    for number, name in enumerate(_STREAMS):
        opened = os.open(streams / name, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = (open(number, mode) for number, mode in enumerate("rww"))  # noqa: SIM115
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["wao", *arguments]
    main()


def _encoded(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _environment(more: Mapping[str, str] | None) -> dict[str, str]:
    return {**os.environ, "COLUMNS": "140", "NO_COLOR": "1", **(more or {})}
