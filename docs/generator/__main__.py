"""Write the generated pages of docs/reference; with --check only report whether they are up to date."""

from __future__ import annotations

import sys

from docs.generator.chart import chart_page
from docs.generator.commands import commands_page
from docs.generator.doctor import doctor_page
from docs.generator.files import ROOT, write_or_check
from docs.generator.resources import resources_page
from docs.generator.servers import read_servers, servers_pages
from docs.generator.settings import settings_page

FOLDER = ROOT / "docs" / "reference"


def pages() -> dict[str, str]:
    """Return the text of each generated page by file name."""
    return {
        "chart.md": chart_page(),
        "commands.md": commands_page(),
        "doctor.md": doctor_page(),
        "resources.md": resources_page(),
        "settings.md": settings_page(),
        **servers_pages(read_servers()),
    }


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check return 1 if any of them is out of date."""
    return write_or_check(FOLDER, pages(), arguments, remedy="make docs-reference")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
