"""Predictions by the model that a BMC names."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.fakes.model_service import SYSTEMS, with_power_model
from wao_predict import Credentials, ProtocolError, RemoteError, UsageError
from wao_predict.backends.redfish import RedfishBackend
from wao_predict.endpoint import Endpoint, EndpointContext, Options
from wao_predict.flow import Request, Response, arun, run
from wao_predict.testing import MockBmc, MockTransport, serve_documents
from wao_predict.transport import AsyncHttpTransport

SYSTEM = f"{SYSTEMS}/1"
TREE: dict[str, dict[str, object]] = {SYSTEMS: {"Members": [{"@odata.id": SYSTEM}]}, SYSTEM: {"Id": "1"}}
LOOK_UP = [SYSTEMS, f"{SYSTEM}/MachineLearningModel"]
ROWS = np.ones((2, 3))


def described(name: str) -> str:
    return f"http://10.0.0.20/v2/models/{name}/versions/v0.1.0"


def infer(name: str) -> str:
    return f"{described(name)}/infer"


class Bmc:
    """The service of the reference, and the model server that it names."""

    def __init__(self) -> None:
        self.model, self.away, self.retired = "power", False, set[str]()
        self.transport = MockTransport(self._answer)

    def _answer(self, request: Request) -> Response:
        if request.url.startswith("/"):
            if self.away:
                raise RemoteError("the BMC is away", endpoint=request.url)
            return serve_documents(with_power_model(TREE, name=self.model))(request)
        if request.url in self.retired or request.method == "GET":
            return Response(404, b'{"error": "no such model"}', {}, request.url)
        rows = json.loads(request.body or b"")["inputs"][0]["data"]
        output = {"name": "watts", "shape": [len(rows)], "datatype": "FP32", "data": [1.0] * len(rows)}
        return Response(200, json.dumps({"outputs": [output]}).encode(), {}, request.url)


def test_the_bmc_is_queried_once() -> None:
    bmc, backend = Bmc(), RedfishBackend("https://bmc")
    for _ in range(2):
        assert run(backend.flow(ROWS), bmc.transport).tolist() == [1.0, 1.0]
    assert bmc.transport.urls == [*LOOK_UP, described("power"), infer("power"), infer("power")]
    assert backend.endpoint == infer("power")


def test_a_model_that_moved_is_found_at_the_attempt_after_its_failure() -> None:
    bmc, backend = Bmc(), RedfishBackend("https://bmc")
    run(backend.flow(ROWS), bmc.transport)
    bmc.model, bmc.retired = "newer", {infer("power")}
    with pytest.raises(RemoteError, match="404"):
        run(backend.flow(ROWS), bmc.transport)
    assert run(backend.flow(ROWS), bmc.transport).tolist() == [1.0, 1.0]
    assert bmc.transport.urls[4:] == [infer("power"), *LOOK_UP, described("newer"), infer("newer")]


def test_the_known_model_serves_while_the_bmc_is_away() -> None:
    bmc, backend = Bmc(), RedfishBackend("https://bmc")
    run(backend.flow(ROWS), bmc.transport)
    bmc.retired = {infer("power")}
    with pytest.raises(RemoteError):
        run(backend.flow(ROWS), bmc.transport)
    bmc.away, bmc.retired = True, set()
    assert run(backend.flow(ROWS), bmc.transport).tolist() == [1.0, 1.0]


def test_the_endpoint_has_the_system_and_its_target_the_options_of_the_model() -> None:
    two = {SYSTEMS: {"Members": [{"@odata.id": f"{SYSTEMS}/{name}"} for name in "ab"]}}
    models = {f"{SYSTEMS}/{name}/MachineLearningModel": {"Url": "http://m", "Name": name} for name in "ab"}
    endpoint = Endpoint("Redfish", "https://bmc", options=Options({"sensor": {"system": "b"}}), target=Endpoint(""))
    backend = RedfishBackend.from_endpoint(endpoint, EndpointContext())
    transport = MockTransport(serve_documents({**two, **models}))
    with pytest.raises(RemoteError, match="http://m/v2/models/b/infer answered 404"):
        run(backend.flow(ROWS), transport)


@pytest.mark.parametrize(
    ("own", "of_target"),
    [({"maxBatchSize": 1}, None), (None, {"maxBatchSize": 1}), ({"maxBatchSize": 9}, {"maxBatchSize": 1})],
)
def test_options_of_the_provider_and_of_its_target_are_for_the_model(own: object, of_target: object) -> None:
    target = None if of_target is None else Endpoint("", options=Options({"options": of_target}))
    endpoint = Endpoint("Redfish", "https://bmc", options=Options({"options": own} if own else {}), target=target)
    bmc, backend = Bmc(), RedfishBackend.from_endpoint(endpoint, EndpointContext())
    run(backend.flow(ROWS), bmc.transport)
    assert bmc.transport.urls[-2:] == [infer("power")] * 2


def test_an_option_that_is_not_known_is_an_error_of_the_endpoint() -> None:
    endpoint = Endpoint("Redfish", "https://bmc", options=Options({"options": {"batch": 1}}))
    with pytest.raises(UsageError, match="'batch' is not an option"):
        RedfishBackend.from_endpoint(endpoint, EndpointContext())


def test_a_bmc_without_a_usable_model_is_reported() -> None:
    transport = MockTransport(serve_documents(with_power_model(TREE, url="file:///etc/passwd")))
    with pytest.raises(ProtocolError, match="not an http or https URL"):
        run(RedfishBackend("https://bmc").flow(ROWS), transport)


async def test_the_bmcs_credentials_stay_with_the_bmc() -> None:
    """The model's host sees no Authorization header."""
    async with MockBmc({}, credentials=("x", "y")) as elsewhere:
        served = with_power_model(TREE, url=elsewhere.url)
        async with MockBmc(served, credentials=("reader", "secret")) as bmc:
            transport = AsyncHttpTransport(bmc.url, credentials=Credentials("reader", "secret"))
            with pytest.raises(RemoteError) as raised:
                await arun(RedfishBackend(bmc.url).flow(np.ones((1, 3))), transport)
            await transport.close()
    assert raised.value.status_code == 401  # it requires credentials and got none


def test_the_features_of_the_model_are_those_of_the_options() -> None:
    assert RedfishBackend("https://bmc", features="cpu_usage").features == ("cpu_usage",)
