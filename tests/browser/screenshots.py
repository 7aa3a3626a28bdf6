"""Writes the pictures of docs/ui.md and of README.md: `make screenshots`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.fleet import CHROMIUM, serving_fleet

PICTURES = {
    "ui-fleet.png": ("/", "light", (1400, 860)),
    "ui-node.png": ("/nodes/cloud-dell-09", "dark", (1400, 780)),
    "ui-small.png": ("/?show=cpu_usage", "light", (1000, 620)),
}
"""Path, colours and size of each picture."""


def main(folder: Path) -> None:
    """Write each picture into a folder."""
    with (
        tempfile.TemporaryDirectory() as work,
        serving_fleet(Path(work), 12) as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, (path, scheme, (width, height)) in PICTURES.items():
            opened = browser.new_page(
                color_scheme=scheme, viewport={"width": width, "height": height}, base_url=address
            )
            opened.goto(path)
            opened.get_by_role("img").locator("svg").first.wait_for()
            opened.wait_for_timeout(2000)
            opened.screenshot(path=folder / name)
            opened.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
