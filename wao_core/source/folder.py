"""Which files a folder of manifests has, and which parts of it cannot be read at present."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG

from wao_core.source.documents import SUFFIXES
from wao_core.source.files import Stamp


@dataclass
class Listing:
    """The files of a folder by path with their stamps, and the unreadable paths with the reasons."""

    files: dict[Path, Stamp] = field(default_factory=dict)
    unreadable: dict[Path, str] = field(default_factory=dict)

    def hides(self, path: Path) -> bool:
        """Return whether a file that is not listed may exist all the same, in an unreadable part."""
        return any(path == part or part in path.parents for part in self.unreadable)


def list_folder(folder: Path) -> Listing:
    """Return the manifest files in a folder and its sub-folders."""
    listing = Listing()

    def note(error: OSError) -> None:
        listing.unreadable[Path(error.filename or folder)] = error.strerror or type(error).__name__

    for parent, _, names in os.walk(folder, onerror=note):
        for name in names:
            path = Path(parent, name)
            if path.suffix not in SUFFIXES:
                continue
            try:
                status = path.stat()
            except FileNotFoundError:
                continue  # deleted meanwhile, or a link to nothing
            except OSError as error:
                note(error)
                continue
            if S_ISREG(status.st_mode):
                listing.files[path] = status.st_mtime_ns, status.st_size
    listing.files = dict(sorted(listing.files.items()))
    return listing
