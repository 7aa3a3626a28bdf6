"""The path / says what a server is, and links to the page."""

from __future__ import annotations

import httpx2
import pytest

from wao_core.serving.api import new_api
from wao_core.serving.frame import ServerFrame

PAGE = "https://wao.example/?a=1&b=2"


async def _get(frame: ServerFrame, accept: str) -> httpx2.Response:
    app = new_api(frame, "test")

    @app.get("/v1/things/{name}")
    async def thing(name: str) -> str:
        """Return a thing."""
        return name

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://server") as client:
        return await client.get("/", headers={"accept": accept})


async def test_programs_get_the_paths_as_json() -> None:
    document = (await _get(ServerFrame("test"), "*/*")).json()
    assert document["component"] == "test"
    assert {"/healthz", "/livez", "/readyz", "/metrics", "/v1/things/{name}"} <= set(document["paths"])
    assert "page" not in document


@pytest.mark.parametrize(("page", "linked"), [(PAGE, True), ("", False)])
async def test_browsers_get_a_link_to_the_page_where_its_address_is_known(page: str, linked: bool) -> None:
    frame = ServerFrame("test")
    frame.page_url = page
    text = (await _get(frame, "text/html,*/*")).text
    assert ('href="https://wao.example/?a=1&amp;b=2"' in text) is linked
    assert 'href="/metrics"' in text
    assert 'href="/v1/things' not in text
