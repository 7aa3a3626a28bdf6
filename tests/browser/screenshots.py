"""Writes the pictures of docs/ui.md and of README.md: `make screenshots`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from tests.browser.fleet import CHROMIUM, serving_fleet

FLEET, LARGE = 12, 250
"""Servers of each of the four types."""
PICTURES = {
    "ui-fleet.png": (FLEET, "/", "light", (1400, 860)),
    "ui-node.png": (FLEET, "/nodes/cloud-dell-09", "dark", (1400, 780)),
    "ui-small.png": (FLEET, "/?show=cpu_usage", "light", (1000, 620)),
    "ui-thousand.png": (LARGE, "/", "dark", (1400, 1500)),
}
"""Fleet, path, colours and size of each picture."""


def main(folder: Path) -> None:
    """Write each picture into a folder."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for fleet in (FLEET, LARGE):
            with tempfile.TemporaryDirectory() as work, serving_fleet(Path(work), fleet) as address:
                for name, (of, path, scheme, size) in PICTURES.items():
                    if of == fleet:
                        take(browser, f"{address}{path}", scheme, size, folder / name)
        browser.close()


def take(browser: Browser, url: str, scheme: Any, size: tuple[int, int], file: Path) -> None:
    """Write one picture."""
    opened = browser.new_page(color_scheme=scheme, viewport={"width": size[0], "height": size[1]})
    opened.goto(url)
    opened.get_by_role("img").locator("svg").first.wait_for()
    opened.wait_for_timeout(2000)
    opened.screenshot(path=file)
    opened.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
