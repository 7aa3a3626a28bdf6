"""Runs the three apps `wao metrics-api`, `wao scheduler` and `wao lb` as processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wao_core.certificates.self_signed import bootstrap_certificate
from wao_demo.fleet import RACK
from wao_predict.errors import UsageError

COMMANDS: Mapping[str, Sequence[str]] = {
    "metrics-api": (),
    "scheduler": (),
    "lb": ("--settle-time", "0"),  # shows the final weights at once, as there is no traffic to disturb
}
"""The commands of the apps with their options."""
TLS = "tls"
"""Folder of the certificate."""
PATIENCE = 90.0
"""Seconds within which an app must print its address."""


@dataclass(frozen=True, slots=True)
class App:
    """One running app with its URL, its certificate and its log file."""

    command: str
    url: str
    certificate: Path
    log: Path

    def log_end(self) -> str:
        """Return the last lines of the log."""
        return " | ".join(self.log.read_text(errors="replace").strip().splitlines()[-5:]) or "the log is empty"


@contextlib.asynccontextmanager
async def apps(manifests: Path, work: Path) -> AsyncIterator[dict[str, App]]:
    """Run the three apps on a folder of manifests until the end of the `async with`; they share one certificate."""
    bootstrap_certificate(work / TLS, ["127.0.0.1", "localhost"])
    processes: list[asyncio.subprocess.Process] = []
    try:
        started = [await _start(command, manifests, work, processes) for command in COMMANDS]
        found = await asyncio.gather(
            *(_listening(app, process) for app, process in zip(started, processes, strict=True))
        )
        yield {app.command: app for app in found}
    finally:
        await _stop(processes)


@contextlib.asynccontextmanager
async def page(manifests: Path, work: Path, running: Mapping[str, App]) -> AsyncIterator[App]:
    """Run the page of the three apps until the end of the `async with`."""
    urls = {"metrics": "metrics-api", "scheduler": "scheduler", "lb": "lb"}
    options = [part for name, app in urls.items() for part in (f"--{name}-url", running[app].url)]
    processes: list[asyncio.subprocess.Process] = []
    try:
        # plain HTTP on loopback: browsers would warn of the self-signed certificate
        trusted = str(running["scheduler"].certificate)
        more = ("--insecure-http", "--ca-file", trusted, "--group-label", RACK, "--period", "5", *options)
        started = await _start("ui", manifests, work, processes, more)
        yield await _listening(started, processes[0])
    finally:
        await _stop(processes)


async def _start(
    command: str,
    manifests: Path,
    work: Path,
    processes: list[asyncio.subprocess.Process],
    options: Sequence[str] = (),
) -> App:
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
            str(work / TLS),
            *COMMANDS.get(command, options),
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )
    processes.append(process)
    return App(command, "", work / TLS / "tls.crt", log)


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
    raise UsageError(f"wao {app.command} did not start: {app.log_end()}")


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
