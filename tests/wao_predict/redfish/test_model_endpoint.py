"""The power model that a BMC, or the reference's service in front of it, names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.model_service import MODEL_FILE, SYSTEMS, model_resource, with_models, with_power_model
from tests.wao_predict.redfish.captures import documents
from wao_predict.errors import ProtocolError, RemoteError, RemoteTimeout, summary
from wao_predict.flow import Request, Response, run
from wao_predict.redfish.model_endpoint import find_model, model_of
from wao_predict.testing import MockTransport, serve_documents

SYSTEM = f"{SYSTEMS}/1"
INFER = "http://10.0.0.20/v2/models/PC-PowerEdgeR650xs-2CPU/versions/v0.1.0/infer"
FLAT = {"Url": "https://models.example:8443/serving/", "Name": "dell r750", "Version": "v0.1.0"}


def bmc(*systems: str, **models: Mapping[str, object]) -> MockTransport:
    """Return a BMC with these Systems, and the MachineLearningModel of some."""
    held: dict[str, object] = {SYSTEMS: {"Members": [{"@odata.id": f"{SYSTEMS}/{name}"} for name in systems]}}
    held |= {f"{SYSTEMS}/{name}": {"Id": name, "UUID": f"uuid-of-{name}"} for name in systems}
    held |= {f"{SYSTEMS}/{name}/MachineLearningModel": model for name, model in models.items()}
    return MockTransport(serve_documents(held))


def power_model(**changed: object) -> dict[str, Any]:
    """Return the service's answer with other values of its power model."""
    served = with_power_model({SYSTEM: {}}, **changed)
    return dict(served[f"{SYSTEM}/MachineLearningModel"])


@pytest.mark.parametrize("capture", ["dell-r750-idrac9-7.10", "hpe-dl380a-gen11-ilo6", "intel-s2600bpb-bmc"])
def test_the_services_power_model_is_found_in_front_of_a_real_bmc(capture: str) -> None:
    transport = MockTransport(serve_documents(with_models(documents(capture))))
    assert run(find_model(), transport).infer_url == INFER
    assert len(transport.urls) == 2  # the Systems, and the model of the only one


def test_the_power_model_is_taken_and_not_the_response_time_model() -> None:
    only_response_time = {key: value for key, value in MODEL_FILE.items() if key.startswith("response")}
    assert run(find_model(), bmc("1", **{"1": model_resource("1")})).name == "PC-PowerEdgeR650xs-2CPU"
    with pytest.raises(ProtocolError, match="names no power model: PowerConsumptionModel with Url and Name is needed"):
        run(find_model(), bmc("1", **{"1": model_resource("1", only_response_time)}))


@pytest.mark.parametrize(
    ("document", "infer_url"),
    [
        (power_model(), INFER),
        (power_model(version=None, type=None), INFER.replace("/versions/v0.1.0", "")),  # version 1 of the service
        (power_model(version=""), INFER.replace("/versions/v0.1.0", "")),
        (power_model(version=2), INFER.replace("v0.1.0", "2")),
        (power_model(type="v2inferenceprotocol"), INFER),
        (power_model(url="http://10.0.0.20/"), INFER),
        (power_model(url="https://[fd00::7]:8443/a"), INFER.replace("http://10.0.0.20", "https://[fd00::7]:8443/a")),
        ({"powerconsumptionmodel": {"URL": "http://m", "name": "p"}}, "http://m/v2/models/p/infer"),
        ({**FLAT, "PowerConsumptionModel": {"Url": "http://m", "Name": "p"}}, "http://m/v2/models/p/infer"),
        (FLAT, "https://models.example:8443/serving/v2/models/dell%20r750/versions/v0.1.0/infer"),
        ({"url": "http://m/", "NAME": "p", "PowerConsumptionModel": None}, "http://m/v2/models/p/infer"),
        ({"Url": "http://m", "url": "http://other", "Name": "p"}, "http://m/v2/models/p/infer"),
        (power_model(name="a/b?c#d"), INFER.replace("PC-PowerEdgeR650xs-2CPU", "a%2Fb%3Fc%23d")),
    ],
)
def test_both_forms_are_read(document: dict[str, Any], infer_url: str) -> None:
    assert model_of(document, SYSTEM).infer_url == infer_url


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"Name": "Machine Learning Model"}, "names no power model"),
        ({"PowerConsumptionModel": [{"Url": "http://m", "Name": "p"}]}, "PowerConsumptionModel is not an object"),
        ({"PowerConsumptionModel": {}}, "PowerConsumptionModel names no model: Url and Name are needed"),
        (power_model(url=None), "PowerConsumptionModel names no model: Url and Name are needed"),
        ({"Url": "http://m"}, "names no model: Url and Name are needed"),
        (power_model(url=7), "its Url is not text"),
        (power_model(name=["p"]), "its Name is not text"),
        (power_model(version={"v": 1}), "its Version is not text"),
        (power_model(version=True), "its Version is not text"),
        (power_model(type="Onnx", url="/etc/passwd"), "its Type is not V2InferenceProtocol"),
        (power_model(type="Fake"), "its Type is not V2InferenceProtocol"),
        (power_model(url="file:///etc/passwd"), "its Url is not an http or https URL"),
        (power_model(url="10.0.0.20"), "its Url is not an http or https URL"),
        (power_model(url="http://m:99999"), "its Url is not an http or https URL"),
        (power_model(url="http://user:hunter2@m"), "its Url has credentials in it"),
        (power_model(url="http://m/?next="), "a query, a fragment, or dots"),
        (power_model(url="http://m/#"), "a query, a fragment, or dots"),
        (power_model(url="http://m/a/../admin"), "a query, a fragment, or dots"),
        (power_model(url="http://m\r\nX-Injected: 1"), "its Url is not a URL"),
        (power_model(url="http://m\\@evil.example"), "its Url is not a URL"),
        (power_model(url="http://m/" + "a" * 3000), "its Url is not a URL"),
        (power_model(name=".."), "its Name cannot be part of a URL"),
        (power_model(name="p\x00q"), "its Name cannot be part of a URL"),
        (power_model(name="p" * 300), "its Name cannot be part of a URL"),
        (power_model(version=".."), "its Version cannot be part of a URL"),
    ],
)
def test_a_hostile_or_incomplete_form_is_refused_with_the_field(document: dict[str, Any], words: str) -> None:
    with pytest.raises(ProtocolError, match=words) as raised:
        model_of(document, SYSTEM)
    assert "hunter2" not in str(raised.value)
    assert summary(raised.value).startswith(f"{SYSTEM}/MachineLearningModel")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.sampled_from(["http://m", "https://a.b:1/c"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(["PowerConsumptionModel", "Url", "url", "Name", "Type", "Version"])


@given(st.dictionaries(keys, json_values | st.dictionaries(keys, json_values, max_size=4), max_size=5))
def test_any_answer_gives_a_model_on_the_named_server_or_a_protocol_error(document: dict[str, Any]) -> None:
    try:
        model = model_of(document, SYSTEM)
    except ProtocolError:
        return
    infer, base = urlsplit(model.infer_url), urlsplit(model.url)
    assert (infer.scheme, infer.netloc, infer.query, infer.fragment) == (base.scheme, base.netloc, "", "")
    assert infer.path.startswith(base.path.rstrip("/") + "/v2/models/")
    assert infer.path.endswith("/infer")
    assert ".." not in infer.path.split("/")


ONE, OTHER = model_resource("1"), power_model(name="PC-other")


@pytest.mark.parametrize(
    ("system", "name"),
    [
        ("Node1", "PC-other"),
        ("node0", "PC-PowerEdgeR650xs-2CPU"),
        (f"{SYSTEMS}/Node1", "PC-other"),
        ("uuid-of-Node1", "PC-other"),
    ],
)
def test_the_system_selects_the_model_of_a_bmc_with_several(system: str, name: str) -> None:
    assert run(find_model(system=system), bmc("Node0", "Node1", Node0=ONE, Node1=OTHER)).name == name


def test_several_systems_with_different_models_give_no_model_and_their_names() -> None:
    with pytest.raises(ProtocolError, match=r"Systems Node0, Node1 have different models: set sensor\.system"):
        run(find_model(), bmc("Node0", "Node1", Node0=ONE, Node1=OTHER))
    with pytest.raises(ProtocolError, match="no System 'Node7'; there are Node0, Node1"):
        run(find_model(system="Node7"), bmc("Node0", "Node1", Node0=ONE, Node1=OTHER))


def test_systems_with_the_same_model_or_without_one_are_no_obstacle() -> None:
    assert run(find_model(), bmc("Node0", "Node1", Node0=ONE, Node1=ONE)).infer_url == INFER
    assert run(find_model(), bmc("HGX_Baseboard_0", "Node0", Node0=ONE)).system == f"{SYSTEMS}/Node0"


def test_a_failure_of_the_service_is_not_the_answer_that_there_is_no_model() -> None:
    """The service answers 500 while its BMC is away, in an error body of its own."""

    def answer(request: Request) -> Response:
        if request.url.endswith("/MachineLearningModel"):
            return Response(500, b'{"error": {"code": ""}}', {}, request.url)
        return serve_documents({SYSTEMS: {"Members": [{"@odata.id": SYSTEM}]}})(request)

    with pytest.raises(RemoteError, match="MachineLearningModel answered 500") as raised:
        run(find_model(), MockTransport(answer))
    assert raised.value.status_code == 500


def test_a_timeout_of_the_service_is_reported_as_one() -> None:
    def answer(request: Request) -> Response:
        if request.url.endswith("/MachineLearningModel"):
            raise RemoteTimeout("no answer in 10 s", endpoint=request.url)
        return serve_documents({SYSTEMS: {"Members": [{"@odata.id": SYSTEM}]}})(request)

    with pytest.raises(RemoteTimeout):
        run(find_model(), MockTransport(answer))


def test_a_bmc_without_a_model_and_what_is_no_bmc_are_reported() -> None:
    with pytest.raises(ProtocolError, match=f"no System of this BMC has a MachineLearningModel .checked {SYSTEM}"):
        run(find_model(), bmc("1"))
    with pytest.raises(ProtocolError, match="there is no System"):
        run(find_model(), bmc())
    with pytest.raises(ProtocolError, match="/redfish/v1/Systems answered 404, not a Redfish resource"):
        run(find_model(), MockTransport(serve_documents({})))


def test_a_system_on_another_host_is_not_read() -> None:
    elsewhere = {"@odata.id": "http://evil.example/redfish/v1/Systems/0"}
    held = {SYSTEMS: {"Members": [elsewhere, {"@odata.id": SYSTEM}]}, f"{SYSTEM}/MachineLearningModel": FLAT}
    transport = MockTransport(serve_documents(held))
    assert run(find_model(), transport).system == SYSTEM
    assert transport.urls == [SYSTEMS, f"{SYSTEM}/MachineLearningModel"]
