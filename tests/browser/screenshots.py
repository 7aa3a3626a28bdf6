"""Writes the pictures of docs/ui.md: `make screenshots`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.fleet import CHROMIUM, serving_fleet

PICTURES = {"ui-fleet.png": ("/", "light"), "ui-node.png": ("/nodes/cloud-dell-01", "dark")}


def main(folder: Path) -> None:
    """Write each picture into a folder."""
    with (
        tempfile.TemporaryDirectory() as work,
        serving_fleet(Path(work), 12) as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, (path, scheme) in PICTURES.items():
            opened = browser.new_page(color_scheme=scheme, viewport={"width": 1400, "height": 860}, base_url=address)
            opened.goto(path)
            opened.get_by_role("img").locator("svg").first.wait_for()
            opened.wait_for_timeout(2000)
            opened.screenshot(path=folder / name)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
