"""The model that a BMC names."""

from __future__ import annotations

import json

import numpy as np
import pytest

from wao_predict import Credentials, ProtocolError, RemoteError
from wao_predict.backends.redfish import RedfishBackend, find_model
from wao_predict.flow import Request, Response, arun, run
from wao_predict.testing import MockBmc, MockTransport, json_response, serve_documents
from wao_predict.transport import AsyncHttpTransport

MODEL = {"Url": "https://models.example:8443/serving", "Name": "dell r750", "Version": "v0.1.0"}
SYSTEM = "/redfish/v1/Systems/1"


def documents(model: object) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {
        "/redfish/v1/Systems": {
            "Members": [{"@odata.id": "http://evil.example/redfish/v1/Systems/0"}, {"@odata.id": SYSTEM}]
        }
    }
    if isinstance(model, dict):
        found[f"{SYSTEM}/MachineLearningModel"] = model
    return found


def bmc_and_model_server(documents: dict[str, dict[str, object]]) -> MockTransport:
    """Return a transport that answers from documents, and infer requests as a model server."""
    resource = serve_documents(documents)

    def answer(request: Request) -> Response:
        if not request.url.endswith("/infer"):
            return resource(request)
        rows = json.loads(request.body or b"")["inputs"][0]["data"]
        output = {"name": "watts", "shape": [len(rows)], "datatype": "FP32", "data": [1.0] * len(rows)}
        return json_response({"outputs": [output]})

    return MockTransport(answer)


def test_the_endpoint_is_asked_for_once() -> None:
    bmc = bmc_and_model_server(documents(MODEL))
    backend = RedfishBackend("https://bmc")
    for _ in range(2):
        assert run(backend.flow(np.ones((2, 3))), bmc).tolist() == [1.0, 1.0]
    infer = "https://models.example:8443/serving/v2/models/dell%20r750/versions/v0.1.0/infer"
    assert bmc.urls == ["/redfish/v1/Systems", f"{SYSTEM}/MachineLearningModel", infer, infer]
    assert backend.endpoint == infer


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (None, "has a MachineLearningModel"),
        ({"Name": "x"}, "Url and Name are needed"),
        ({"Url": "file:///etc/passwd", "Name": "x"}, "not an http or https URL"),
        ({"Url": 7, "Name": "x"}, "Url and Name are needed"),
    ],
)
def test_a_bmc_without_a_usable_model_is_told(model: object, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        run(find_model(), bmc_and_model_server(documents(model)))


def test_what_is_no_bmc_is_told() -> None:
    with pytest.raises(ProtocolError, match="/redfish/v1/Systems answered 404, not a Redfish resource"):
        run(find_model(), bmc_and_model_server({}))


def test_names_of_the_keys_may_be_written_in_any_case_and_the_version_left_out() -> None:
    found = run(find_model(), bmc_and_model_server(documents({"url": "http://models.example/", "NAME": "power"})))
    assert found.infer_url == "http://models.example/v2/models/power/infer"
    assert (found.system, found.version) == (SYSTEM, None)


async def test_the_bmcs_credentials_stay_with_the_bmc() -> None:
    """The model's host sees no Authorization header."""
    async with MockBmc({}, credentials=("x", "y")) as elsewhere:
        model = {"Url": elsewhere.url, "Name": "power", "Version": "1"}
        async with MockBmc(documents(model), credentials=("reader", "secret")) as bmc:
            transport = AsyncHttpTransport(bmc.url, credentials=Credentials("reader", "secret"))
            with pytest.raises(RemoteError) as raised:
                await arun(RedfishBackend(bmc.url).flow(np.ones((1, 3))), transport)
            await transport.close()
    assert raised.value.status_code == 401  # it asked for credentials and got none
