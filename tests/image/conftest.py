"""The image's root file system, assembled once from the Dockerfile (make test-image; needs root)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from release.image.__main__ import STORE, assemble
from release.image.builder import Image, Runner
from tests.cluster.bed.program import end, launch, wait_for


class Commands:
    """Runs commands of the image as `docker run --read-only` does."""

    def __init__(self, image: Image, folder: Path) -> None:
        self.image, self.folder = image, folder
        (folder / "root").mkdir()
        self._runner = Runner(image, STORE, folder / "root")

    def run(
        self, *arguments: str, entrypoint: tuple[str, ...] | None = None, binds: dict[Path, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        command = self._runner.command(*arguments, entrypoint=entrypoint, binds=binds)
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    @contextmanager
    def serving(self, *arguments: str, binds: dict[Path, str]) -> Iterator[str]:
        """Run a server, and yield its URL."""
        log = self.folder / f"{arguments[0]}.log"
        with log.open("wb") as output:
            process = launch(self._runner.command(*arguments, binds=binds), output)

        def listening() -> str:
            assert process.poll() is None, log.read_text()
            lines = log.read_text().splitlines()
            return next((line.partition("listening on ")[2] for line in lines if line.startswith("listening on ")), "")

        try:
            yield str(wait_for(listening, f"{arguments[0]} listens, see {log}"))
        finally:
            end(process)
            assert process.returncode == 0, log.read_text()


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Commands:
    """The commands of the image."""
    if os.geteuid() != 0:
        pytest.skip("mounts need root: run make test-image as root")
    return Commands(assemble(), tmp_path_factory.mktemp("image"))
