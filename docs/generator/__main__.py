"""Write the generated pages of docs/reference; with --check only report whether they are up to date."""

from __future__ import annotations

import sys
from pathlib import Path

from docs.generator.commands import commands_page
from docs.generator.resources import resources_page
from docs.generator.servers import read_servers, servers_pages
from docs.generator.settings import settings_page

FOLDER = Path(__file__).parents[1] / "reference"


def pages() -> dict[str, str]:
    """Return the text of each generated page by file name."""
    return {
        "commands.md": commands_page(),
        "resources.md": resources_page(),
        "settings.md": settings_page(),
        **servers_pages(read_servers()),
    }


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check return 1 if any of them is out of date."""
    stale = []
    for name, text in pages().items():
        file = FOLDER / name
        if "--check" not in arguments:
            file.write_text(text, encoding="utf-8")
        elif not file.exists() or file.read_text(encoding="utf-8") != text:
            stale.append(name)
    if stale:
        sys.stderr.write(f"out of date in docs/reference: {', '.join(stale)}; run make docs-reference\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
