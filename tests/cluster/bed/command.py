"""A `wao` command that runs next to the control plane."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.cluster.bed.controlplane import ControlPlane
from tests.cluster.bed.program import BedError, end, launch, wait_for


class Wao:
    """A `wao` command that runs against the bed, by default as an administrator; `url` is where it listens."""

    def __init__(self, bed: ControlPlane, command: str, *arguments: str, config: Path | None = None) -> None:
        self.log = bed.folder / f"wao-{command}-{os.urandom(2).hex()}.log"
        flags = ["--kubeconfig", str(config or bed.kubeconfig), *arguments]
        with self.log.open("wb") as output:
            self.process = launch([sys.executable, "-m", "wao_predict.cli", command, *flags], output)
        self.url = str(wait_for(self._listening, f"wao {command} listening: {self.log}"))

    def _listening(self) -> str:
        text = self.log.read_text(errors="replace")
        if self.process.poll() is not None:
            raise BedError(f"it ended: {text[-2000:]}")
        lines = [line for line in text.splitlines() if line.startswith("listening on ")]
        return lines[0].removeprefix("listening on ") if lines else ""

    def stop(self, *, kill: bool = False) -> None:
        """End it: gracefully, or as a crash does."""
        end(self.process, kill=kill)
