"""The page in Chromium, with the real applications on a small fleet: `make test-ui`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("playwright", reason="needs its own environment: make test-ui")

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.fleet import CHROMIUM, serving_fleet

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


@pytest.fixture
def opened(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(base_url=address)
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(address) else problems.append(request.url))
    yield page
    context.close()
    assert problems == []  # no error of a script, and no request to another host


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
