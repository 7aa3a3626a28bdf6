"""Starts the three apps as a person would: `wao metrics-api`, `wao scheduler`, `wao lb`, each a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wao_predict import UsageError

COMMANDS: Mapping[str, Sequence[str]] = {
    "metrics-api": (),
    "scheduler": (),
    "lb": ("--settle-time", "0"),  # no traffic to sway: show the weights that they end at
}
"""The apps with the options that they do not have by default."""
PATIENCE = 90.0
"""Seconds until an app must say where it listens."""


@dataclass(frozen=True, slots=True)
class App:
    """One running app: where it listens, its certificate, and its log."""

    command: str
    url: str
    certificate: Path
    log: Path

    def last_words(self) -> str:
        """Return the end of its log."""
        return " | ".join(self.log.read_text(errors="replace").strip().splitlines()[-5:]) or "its log is empty"


@contextlib.asynccontextmanager
async def apps(manifests: Path, work: Path) -> AsyncIterator[dict[str, App]]:
    """Run the three apps on a folder of manifests until the end of the `async with`."""
    processes: list[asyncio.subprocess.Process] = []
    try:
        started = [await _start(command, manifests, work, processes) for command in COMMANDS]
        found = await asyncio.gather(
            *(_listening(app, process) for app, process in zip(started, processes, strict=True))
        )
        yield {app.command: app for app in found}
    finally:
        await _stop(processes)


async def _start(command: str, manifests: Path, work: Path, processes: list[asyncio.subprocess.Process]) -> App:
    folder = work / command
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log"
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "wao_predict.cli",
            command,
            "--manifests",
            str(manifests),
            "--self-signed-dir",
            str(folder),
            *COMMANDS[command],
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )
    processes.append(process)
    return App(command, "", folder / "tls.crt", log)


async def _listening(app: App, process: asyncio.subprocess.Process) -> App:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            while line := await process.stdout.readline():
                text = line.decode(errors="replace").strip()
                if text.startswith("listening on "):
                    return App(app.command, text.removeprefix("listening on "), app.certificate, app.log)
    except TimeoutError:
        pass
    raise UsageError(f"wao {app.command} did not start: {app.last_words()}")


async def _stop(processes: list[asyncio.subprocess.Process]) -> None:
    for process in processes:
        if process.returncode is None:
            process.terminate()
    for process in processes:
        try:
            async with asyncio.timeout(10.0):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
