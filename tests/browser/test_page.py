"""The page in Chromium, with the real applications on a small fleet: `make test-ui`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright", reason="needs its own environment: make test-ui")

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.fleet import CHROMIUM, serving_fleet

pytestmark = pytest.mark.timeout(300)  # with the start of 1,000 nodes

EXAMPLE = Path(__file__).parents[2] / "examples" / "fleet"
PATHS = ("/", "/?show=table", "/nodes/cloud-dell-01", "/services/default/shop", "/inputs", "/what-if?cpu=2")
PATIENCE = 30_000.0
"""Milliseconds that an expectation may take."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving_fleet(tmp_path_factory.mktemp("fleet"), 2) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page of 1,000 nodes."""
    with serving_fleet(tmp_path_factory.mktemp("large"), 250, jobs=False) as url:
        yield url


@contextmanager
def serving_with_tokens(file: Path) -> Iterator[str]:
    """Run the page of the example fleet for viewers with a token."""
    file.write_text("s3cret,ann,1\n")
    command = [sys.executable, "-m", "wao_predict.cli", "ui", "--manifests", str(EXAMPLE), "--insecure-http"]
    with subprocess.Popen([*command, "--token-file", str(file)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield next(line for line in process.stdout if line.startswith("listening on ")).split()[-1]
        process.terminate()


@contextmanager
def opening(browser: Browser, address: str, **options: Any) -> Iterator[Page]:
    """Open a page, and fail on an error of a script or a request to another host."""
    context = browser.new_context(base_url=address, **options)
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(address) else problems.append(request.url))
    yield page
    context.close()
    assert problems == []


@pytest.fixture
def opened(browser: Browser, address: str) -> Iterator[Page]:
    with opening(browser, address) as page:
        yield page


def test_the_fleet_is_one_chart_with_a_cell_for_each_node(opened: Page) -> None:
    opened.goto("/")
    chart = opened.get_by_role("img", name="heat map")
    expect(chart.locator("svg")).to_have_count(1)
    expect(opened.get_by_text("rack-1 (1)").or_(opened.get_by_text("rack-1")).first).to_be_visible()


def test_the_table_has_the_same_nodes_and_leads_to_one(opened: Page) -> None:
    opened.goto("/?show=table")
    table = opened.get_by_role("table", name="Nodes with power")
    expect(table.get_by_role("row")).to_have_count(9)
    opened.get_by_role("searchbox", name="Filter").fill("cloud-dell-01")
    expect(table.get_by_role("row")).to_have_count(2)
    table.get_by_role("link", name="cloud-dell-01").press("Enter")
    expect(opened.get_by_role("heading", name="cloud-dell-01", level=1)).to_be_visible()
    expect(opened.get_by_role("img", name="Predicted power of cloud-dell-01")).to_be_visible()


def test_a_link_to_a_service_shows_its_weights(opened: Page) -> None:
    opened.goto("/services/default/shop")
    expect(opened.get_by_role("table", name="Endpoints of the port")).to_be_visible()


def test_the_form_is_answered(opened: Page) -> None:
    opened.goto("/what-if")
    opened.get_by_label("CPU of one Pod").fill("2")
    opened.get_by_role("button", name="Show").press("Enter")
    expect(opened.get_by_text("least increase")).to_be_visible()
    expect(opened.get_by_role("table", name="Pods for each node")).to_be_visible()


def test_the_colours_follow_the_button_and_are_kept(opened: Page) -> None:
    opened.goto("/inputs")
    button = opened.get_by_role("button", name="Colours")
    button.press("Enter")
    button.press("Enter")
    expect(opened.get_by_role("button", name="Colours: dark")).to_be_visible()
    opened.reload()
    expect(opened.locator("body.body--dark")).to_have_count(1)


def test_an_unknown_node_is_reported(opened: Page) -> None:
    opened.goto("/nodes/none")
    expect(opened.get_by_text("There is no node none.")).to_be_visible()


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_nothing_keeps_people_with_a_disability_out(browser: Browser, address: str, colours: str) -> None:
    """The rules of axe-core: contrast, names, landmarks, headings, keyboard."""
    with opening(browser, address, color_scheme=colours) as page:
        for path in PATHS:
            page.goto(path)
            expect(page.get_by_role("heading", level=1)).to_have_count(1)
            found = Axe().run(page).response["violations"]
            assert [(path, rule["id"], rule["nodes"][0]["html"]) for rule in found] == []


def test_a_narrow_screen_scrolls_within_its_parts_only(browser: Browser, address: str) -> None:
    with opening(browser, address, viewport={"width": 390, "height": 800}) as page:
        for path in (*PATHS, "/no"):
            page.goto(path)
            expect(page.get_by_role("heading", level=1)).to_have_count(1)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_the_keyboard_reaches_the_content_first_and_then_a_node(opened: Page) -> None:
    opened.goto("/?show=table")
    expect(opened.get_by_role("link", name="edge-lenovo-01")).to_be_visible()
    opened.keyboard.press("Tab")
    expect(opened.get_by_role("link", name="Skip to the content")).to_be_focused()
    opened.keyboard.press("Enter")
    for _ in range(40):
        opened.keyboard.press("Tab")
        if opened.evaluate("document.activeElement.textContent") == "cloud-dell-01":
            break
    opened.keyboard.press("Enter")
    expect(opened.get_by_role("heading", name="cloud-dell-01", level=1)).to_be_visible()


def test_a_thousand_nodes_are_cells_of_one_chart_and_rows_of_a_table_that_is_shown_in_part(
    browser: Browser, large: str
) -> None:
    with opening(browser, large) as page:
        page.goto("/")
        expect(page.get_by_role("img", name="of 1000 nodes as a heat map").locator("svg")).to_have_count(1)
        page.goto("/?show=table")
        rows = page.get_by_role("table", name="Nodes with power").locator("tbody tr:visible")
        expect(rows).to_have_count(100)
        page.get_by_role("searchbox", name="Filter").fill("cloud-dell-2")
        expect(rows).to_have_count(61)
        page.get_by_role("searchbox", name="Filter").fill("")
        page.get_by_role("button", name="Show all 1,000").press("Enter")
        expect(rows).to_have_count(1000)


def test_a_token_opens_the_page_that_was_asked_for_until_the_viewer_signs_out(browser: Browser, tmp_path: Path) -> None:
    with serving_with_tokens(tmp_path / "tokens") as url, opening(browser, url) as page:
        page.goto("/inputs")
        page.get_by_label("Bearer token").fill("wrong")
        page.get_by_role("button", name="Sign in").press("Enter")
        expect(page.get_by_role("alert")).to_have_text("This token is not valid.")
        page.get_by_label("Bearer token").fill("s3cret")
        page.get_by_role("button", name="Sign in").press("Enter")
        expect(page.get_by_role("heading", name="Inputs", level=1)).to_be_visible()
        page.get_by_role("button", name="Sign out").press("Enter")
        page.goto("/inputs")
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
