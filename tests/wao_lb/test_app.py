"""The HTTP API of the weight service, apart from the weights themselves."""

from __future__ import annotations

import httpx2
import pytest

from tests.fakes.lb_cluster import Cluster
from wao_core.serving.frame import ServerFrame
from wao_lb.app import MAX_BODY, create_app


@pytest.fixture
def client() -> httpx2.AsyncClient:
    app = create_app(Cluster().book, ServerFrame("lb"))
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://lb")


@pytest.mark.parametrize(
    ("path", "schema"), [("/v1/weights/default/web", "ServiceWeights"), ("/v1/weights", "WeightsListing")]
)
async def test_answers_have_the_fields_of_the_openapi_document(
    client: httpx2.AsyncClient, path: str, schema: str
) -> None:
    schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
    assert list(schemas[schema]["properties"]) == list((await client.get(path)).json())


@pytest.mark.parametrize("path", ["/v1/weights/default/web", "/v1/weights"])
async def test_the_version_can_be_read_alone(client: httpx2.AsyncClient, path: str) -> None:
    assert (await client.head(path)).headers["etag"] == (await client.get(path)).headers["etag"]


async def test_a_discovery_request_is_bounded(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/v3/discovery:endpoints", content=b" " * (MAX_BODY + 1))
    assert (413, {"error": "the request is larger than 1 MiB"}) == (answer.status_code, answer.json())


async def test_a_service_that_is_not_weighted_is_named_with_the_label(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/v1/weights/default/none")
    assert (404, "Service default/none is not weighted") == (answer.status_code, answer.json()["error"])
