"""Generated files: written, or compared with what is there."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]


def write_or_check(folder: Path, texts: Mapping[str, str], arguments: list[str], *, remedy: str) -> int:
    """Write files and their folders, or with --check return 1 and report those that are out of date.

    Parameters
    ----------
    folder
        Where the files are.
    texts
        Their texts by path in the folder.
    arguments
        Those of the command line.
    remedy
        The command that writes them.
    """
    stale = []
    for name, text in texts.items():
        file = folder / name
        if "--check" not in arguments:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        elif not file.exists() or file.read_text(encoding="utf-8") != text:
            stale.append(name)
    if stale:
        sys.stderr.write(f"out of date in {folder.relative_to(ROOT)}: {', '.join(stale)}; run {remedy}\n")
    return 1 if stale else 0
