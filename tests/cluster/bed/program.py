"""One program of the test bed: started with a log of its own, waited for, and stopped by its pid."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

PATIENCE = 180.0
"""Seconds to wait for anything: a slow or busy machine takes its time, and waiting costs nothing when it is quick."""


class BedError(Exception):
    """A part of the test bed does not work; the text has the end of its log."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], object], what: str, *, seconds: float = PATIENCE, pause: float = 0.05) -> object:
    """Return what `condition` gives as soon as it is true.

    Raises
    ------
    BedError
        It is not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise BedError(f"not within {seconds:g} s: {what}")
        time.sleep(pause)  # between two looks


_STARTER = ThreadPoolExecutor(1)
"""Starts all processes: the kernel binds them to the thread that does, and this one lives as long as the test run."""


def launch(
    arguments: Sequence[str], output: IO[bytes], *, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a process that the kernel kills when this one is gone, even if that was killed itself.

    Where there is no setpriv (util-linux), it outlives a test run that is killed.
    """
    setpriv = shutil.which("setpriv")
    bound = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*bound, *arguments], stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=environment
        )

    return _STARTER.submit(start).result()


def end(process: subprocess.Popen[bytes], *, kill: bool = False, grace: float = 20.0) -> None:
    """End a process: gracefully, by force when it does not go within `grace` seconds, or at once as a crash does."""
    if process.poll() is None:
        (process.kill if kill else process.terminate)()
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Program:
    """A program that runs until `stop`; `variables` are added to its environment."""

    def __init__(
        self, name: str, arguments: Sequence[str | Path], folder: Path, variables: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self._arguments = [str(argument) for argument in arguments]
        self._environment = {**os.environ, **(variables or {})}
        self.log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process is not None
        return self._process.pid

    def start(self, ready: Callable[[], object], *, seconds: float = PATIENCE) -> Program:
        """Start it and wait until `ready` is true."""
        with self.log.open("ab") as output:
            self._process = launch(self._arguments, output, environment=self._environment)

        def looked() -> object:
            assert self._process is not None
            if self._process.poll() is not None:
                raise BedError(f"{self.name} ended with {self._process.returncode}: {self.tail()}")
            return ready()

        try:
            wait_for(looked, f"{self.name} ready", seconds=seconds)
        except BedError as error:
            self.stop()
            raise BedError(f"{error}: {self.tail()}") from None
        return self

    def stop(self, *, grace: float = 20.0) -> None:
        """End it, by force when it does not go within `grace` seconds."""
        if self._process is not None:
            end(self._process, grace=grace)

    def kill(self) -> None:
        """End it at once, as a crash does."""
        if self._process is not None:
            end(self._process, kill=True)

    def ends_within(self, seconds: float) -> bool:
        """Whether it ends by itself within `seconds`."""
        assert self._process is not None
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def tail(self, lines: int = 15) -> str:
        """Return the end of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])
