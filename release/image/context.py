"""The build context: the files that .dockerignore leaves, and their digest."""

from __future__ import annotations

import hashlib
import os
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath


class BuildContext:
    """The files below a folder that instructions may copy.

    Parameters
    ----------
    folder
        Where the Dockerfile is.
    patterns
        The lines of .dockerignore; of those that match a file, the last one counts.
    """

    def __init__(self, folder: Path, patterns: list[str]) -> None:
        self.folder = folder
        self._patterns = [line.strip() for line in patterns if line.strip() and not line.startswith("#")]

    def files(self, source: str) -> list[PurePosixPath]:
        """Return the files at or below a path, relative to the folder."""
        start = self.folder / source
        if start.is_file():
            found = [PurePosixPath(source)]
        else:
            found = [
                PurePosixPath((Path(place) / name).relative_to(self.folder))
                for place, _, names in os.walk(start)
                for name in names
            ]
        return sorted(path for path in found if not self._ignored(path))

    def digest(self, files: list[PurePosixPath]) -> str:
        """Return a digest of names, modes and contents."""
        digest = hashlib.sha256()
        for path in files:
            file = self.folder / path
            digest.update(f"{path}\0{file.stat().st_mode & 0o777:o}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        return digest.hexdigest()

    def _ignored(self, path: PurePosixPath) -> bool:
        ignored = False
        for pattern in self._patterns:
            if _matches(path, pattern.removeprefix("!")):
                ignored = not pattern.startswith("!")
        return ignored


def _matches(path: PurePosixPath, pattern: str) -> bool:
    """Whether a pattern matches a path or a folder above it; `**/` stands for any folders."""
    wanted = PurePosixPath(pattern.strip("/")).parts
    anywhere = wanted[0] == "**"
    wanted = wanted[1:] if anywhere else wanted
    starts = range(len(path.parts) - len(wanted) + 1) if anywhere else (0,)
    return any(
        len(path.parts) >= start + len(wanted)
        and all(fnmatchcase(*pair) for pair in zip(path.parts[start:], wanted, strict=False))
        for start in starts
    )
