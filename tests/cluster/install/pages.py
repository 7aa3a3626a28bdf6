"""The commands of pages: those in `console` blocks run in tests. Paths of pages begin in docs/install."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

PAGES = Path(__file__).parents[3] / "docs" / "install"
BLOCK = re.compile(r"^( *)```console\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def commands(page: str) -> list[str]:
    """Return the commands of a page, in their order; a line that ends with a backslash goes on in the next one."""
    found = []
    for indentation, block in BLOCK.findall((PAGES / page).read_text(encoding="utf-8")):
        if block.lstrip().startswith("$ "):  # a transcript with its output
            continue
        lines = textwrap.dedent(indentation + block.lstrip(" ")).replace("\\\n", " ")
        found += [line.strip() for line in lines.splitlines() if line.strip()]
    return found
