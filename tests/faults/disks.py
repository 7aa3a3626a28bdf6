"""A small file system of its own that a test fills and makes room on."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

SIZE = 4 * 1024 * 1024


@dataclass(frozen=True)
class Disk:
    """A file system of `SIZE` bytes, mounted on `folder`."""

    folder: Path

    @property
    def _filling(self) -> Path:
        return self.folder / "filling"

    @property
    def block(self) -> int:
        """Size of a block [bytes]: a small file can grow to this on a full disk."""
        return os.statvfs(self.folder).f_bsize

    def is_full(self) -> bool:
        """Return whether no block is free."""
        return os.statvfs(self.folder).f_bfree == 0

    def fill(self) -> None:
        """Write until there is no room for one more byte."""
        with self._filling.open("ab", buffering=0) as file:
            for size in (65536, 1):
                try:
                    while file.write(bytes(size)):
                        pass
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def make_room(self) -> None:
        """Delete what `fill` has written."""
        self._filling.unlink()


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """Mount a file system, and skip the test with the reason where that is not permitted."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system that is to be full")
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "wao-faults", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except FileNotFoundError:
        pytest.skip("there is no command mount (util-linux) to make a file system that is to be full")
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here to be full: {done.stderr.strip()}")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", str(folder)], check=True, timeout=30)
