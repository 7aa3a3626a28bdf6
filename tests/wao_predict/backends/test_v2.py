"""A model on a V2 server: its URL, the sizes of batches, and the requests to the server."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tests.fakes.triton import StrictServer, Tensor
from wao_predict import Predictor, ProtocolError, RemoteError, UsageError
from wao_predict.backends.v2 import V2Backend, infer_url, metadata_url
from wao_predict.endpoint import Endpoint, EndpointContext, Options
from wao_predict.flow import Request, Response, run
from wao_predict.testing import MockTransport, json_response

URL = "https://models.example/v2/models/power/infer"


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        (URL, URL),
        ("http://h/v2/models/power", "http://h/v2/models/power/infer"),
        ("http://h/v2/models/power/versions/v0.1.0/infer", "http://h/v2/models/power/versions/v0.1.0/infer"),
        ("http://h:8080/seldon/ns/v2/models/p/versions/1", "http://h:8080/seldon/ns/v2/models/p/versions/1/infer"),
        ("https://h/prefix/v2/models/p/infer?tenant=a", "https://h/prefix/v2/models/p/infer?tenant=a"),
        ("https://h/v2/models/p/", "https://h/v2/models/p/infer"),
    ],
)
def test_the_url_keeps_prefix_version_and_query(endpoint: str, expected: str) -> None:
    assert expected == infer_url(endpoint)


@pytest.mark.parametrize("endpoint", ["ftp://h/x", "models/power", "https://", "http://h:99999/x"])
def test_a_url_that_is_none_is_refused(endpoint: str) -> None:
    with pytest.raises(UsageError):
        infer_url(endpoint)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (URL, "https://models.example/v2/models/power"),
        ("http://h/p/v2/models/m/versions/1/infer?tenant=a", "http://h/p/v2/models/m/versions/1?tenant=a"),
    ],
)
def test_metadata_are_at_the_models_url(url: str, expected: str) -> None:
    assert expected == metadata_url(url)


class Server(MockTransport):
    """A V2 server that refuses requests of more than `batch` rows with `refusal`."""

    def __init__(self, *, batch: int, refusal: Response | None = None, first_only: bool = False) -> None:
        super().__init__(self.answer)
        self.batch, self.refusal, self.first_only = batch, refusal, first_only
        self.rows: list[int] = []
        self.ids: list[str] = []

    def answer(self, request: Request) -> Response:
        if request.method == "GET":
            return Response(404, b'{"detail":"Not Found"}', {}, request.url)
        document = json.loads(request.body or b"")
        rows = document["inputs"][0]["data"]
        self.rows.append(len(rows))
        self.ids.append(document["id"])
        if len(rows) > self.batch and not self.first_only:
            return self.refusal or Response(400, b'{"error":"one row only"}', {}, request.url)
        data = [row[0] * 2 for row in (rows[:1] if self.first_only else rows)]
        return json_response({"outputs": [{"name": "y", "datatype": "FP64", "shape": [len(data)], "data": data}]})


X = np.array([[10.0, 20, 5], [20.0, 20, 5], [30.0, 20, 5]])


def test_one_request_for_all_rows() -> None:
    server = Server(batch=100)
    assert run(V2Backend(URL).flow(X), server).tolist() == [20.0, 40.0, 60.0]
    assert server.rows == [3]


@pytest.mark.parametrize(
    "server",
    [
        Server(batch=1),
        Server(batch=1, refusal=Response(500, b"Internal Server Error", {}, URL)),
        Server(batch=1, first_only=True),
    ],
    ids=["400", "500", "answers the first row only"],
)
def test_a_server_that_refuses_a_batch_is_asked_row_by_row_from_then_on(server: Server) -> None:
    backend = V2Backend(URL)
    assert run(backend.flow(X), server).tolist() == [20.0, 40.0, 60.0]
    assert backend.batch_size == 1
    asked = len(server.rows)
    assert run(backend.flow(X), server).tolist() == [20.0, 40.0, 60.0]
    assert server.rows[asked:] == [1, 1, 1]
    assert len(set(server.ids)) == len(server.ids)


def test_a_broken_server_is_not_taken_for_one_that_refuses_batches() -> None:
    server = Server(batch=0, refusal=Response(500, b"down", {}, URL))
    backend = V2Backend(URL)
    with pytest.raises(RemoteError, match="down"):
        run(backend.flow(X), server)
    assert backend.batch_size == 4096
    assert server.rows == [3, 1]


@pytest.mark.parametrize("status", [401, 403, 404, 501, 503])
def test_a_refusal_that_is_not_about_the_batch_is_final(status: int) -> None:
    server = Server(batch=0, refusal=Response(status, b'{"error":"no"}', {}, URL))
    with pytest.raises(RemoteError) as raised:
        run(V2Backend(URL).flow(X), server)
    assert raised.value.status_code == status
    assert server.rows == [3]


@pytest.mark.parametrize("limit", [1, 2, 8, 100])
def test_the_largest_accepted_batch_is_found_by_doubling(limit: int) -> None:
    server = Server(batch=limit)
    backend = V2Backend(URL)
    X = np.random.default_rng(1).uniform(0, 100, (300, 3))
    assert run(backend.flow(X), server).tolist() == (X[:, 0] * 2).tolist()
    assert limit / 2 < backend.batch_size <= limit
    learned = len(server.rows)
    run(backend.flow(X), server)
    assert max(server.rows[learned:]) == backend.batch_size


def test_a_server_that_failed_altogether_gets_large_batches_again() -> None:
    server, backend = Server(batch=1), V2Backend(URL)
    run(backend.flow(X), server)
    assert backend.batch_size == 1
    server.batch = 0
    with pytest.raises(RemoteError):
        run(backend.flow(X), server)
    server.batch = 10_000
    run(backend.flow(X), server)
    assert server.rows[-1] == 3


def test_large_batches_are_cut() -> None:
    server = Server(batch=10_000)
    watts = run(V2Backend(URL).flow(np.tile(X[:1], (10_000, 1))), server)
    assert watts.size == 10_000
    assert server.rows == [4096, 4096, 1808]


def test_no_rows_need_no_request() -> None:
    server = Server(batch=1)
    assert run(V2Backend(URL).flow(np.empty((0, 3))), server).size == 0
    assert server.rows == []


STRICT = [
    pytest.param(StrictServer(max_batch_size=100), id="another name"),
    pytest.param(StrictServer((Tensor("x", "FP64"),), max_batch_size=100), id="FP64"),
    pytest.param(StrictServer((Tensor("x", "FP16"),), max_batch_size=100), id="FP16 in"),
    pytest.param(StrictServer(outputs=(Tensor("y", "FP16"),), max_batch_size=100), id="FP16 out"),
    pytest.param(StrictServer((Tensor("x", dims=(-1, 3)),)), id="no limit"),
    pytest.param(StrictServer((Tensor("x", dims=(3,)),)), id="one row without a batch dimension"),
    pytest.param(StrictServer((Tensor("x", dims=(1, 3)),)), id="one row"),
    pytest.param(StrictServer((Tensor("x", dims=(8, 3)),)), id="eight rows, neither more nor fewer"),
    pytest.param(StrictServer((Tensor("x", dims=(1, 3)),), max_batch_size=100), id="a dimension more"),
    pytest.param(
        StrictServer((Tensor("delta_p", dims=(1,)), Tensor("amb_temp", dims=(1,)), Tensor("cpu", dims=(1,))),
                     max_batch_size=100, watts=lambda X: X[:, 2] * 2),
        id="one input per feature",
    ),
    pytest.param(
        StrictServer((Tensor("x"),), (Tensor("label", "INT64"), Tensor("watts")), 100, watts=lambda X: X[:, 0] * 2),
        id="two outputs",
    ),
]  # fmt: skip


@pytest.mark.parametrize("server", STRICT)
def test_a_strict_server_gets_what_its_metadata_ask_for(server: StrictServer) -> None:
    assert run(V2Backend(URL).flow(X), MockTransport(server)) == pytest.approx(X[:, 0] * 2, rel=1e-3)
    assert server.refused == []


def test_a_server_with_a_limit_of_eight_gets_batches_of_eight() -> None:
    server = StrictServer(max_batch_size=8)
    rows = np.random.default_rng(1).uniform(0, 100, (100, 3))
    backend = V2Backend(URL)
    assert run(backend.flow(rows), MockTransport(server)) == pytest.approx(rows[:, 0] * 2)
    assert server.rows == [8] * 12 + [4]
    run(backend.flow(rows), MockTransport(server))
    assert server.refused == ["inference request batch-size must be <= 8 for 'power'"]
    assert sum(line.startswith("GET") for line in server.asked) == 1


INPUT = Tensor("INPUT__0")
STATED = {"inputName": "INPUT__0", "datatype": "FP32", "maxBatchSize": 8}


@pytest.mark.parametrize(
    "backend",
    [
        V2Backend(URL, **STATED),
        V2Backend(f"{URL}#inputName=INPUT__0&datatype=fp32&maxBatchSize=8"),
        V2Backend(f"{URL}#inputName=wrong&datatype=FP32&maxBatchSize=8", inputName="INPUT__0"),
        V2Backend.from_endpoint(
            Endpoint("V2InferenceProtocol", URL, options=Options({"options": STATED})), EndpointContext()
        ),
    ],
    ids=["arguments", "URL", "arguments over URL", "NodeConfig"],
)
def test_what_is_stated_needs_no_question(backend: V2Backend) -> None:
    server = StrictServer(max_batch_size=8)
    run(backend.flow(np.tile(X, (4, 1))), MockTransport(server))
    assert server.asked == ["POST /v2/models/power/infer"] * 2
    assert server.rows == [8, 4]


@pytest.mark.parametrize(
    ("inputs", "options", "words"),
    [
        ((INPUT,), {"inputName": "x"}, r"'x'.*the model has the input INPUT__0: correct the option inputName"),
        ((INPUT,), {"outputName": "y"}, "unexpected inference output 'y'"),
        ((INPUT,), {"datatype": "FP64"}, "expects 'FP32'"),
        ((Tensor("x", "INT64"),), {}, "cannot carry fractions: set the option datatype"),
        ((Tensor("x", dims=(5,)),), {}, r"the shape \[-1, 5\], and WAO sends 3 features"),
        ((Tensor("a"), Tensor("b")), {}, "inputs a, b: name one with the option inputName"),
    ],
)
def test_a_refusal_names_what_the_metadata_say(inputs: tuple[Tensor, ...], options: dict[str, Any], words: str) -> None:
    server = StrictServer(inputs, max_batch_size=9)
    with pytest.raises(RemoteError, match=words) as raised:
        run(V2Backend(URL, **options).flow(X), MockTransport(server))
    assert raised.value.status_code == 400


def test_integers_are_sent_when_they_are_stated() -> None:
    server = StrictServer((Tensor("x", "INT64"),), max_batch_size=9)
    backend = V2Backend(URL, datatype="INT64")
    assert run(backend.flow(X), MockTransport(server)).tolist() == [20.0, 40.0, 60.0]


def test_an_output_is_taken_by_name() -> None:
    outputs = (Tensor("label"), Tensor("power_w"))
    server = StrictServer(outputs=outputs, max_batch_size=9)
    assert run(V2Backend(URL, outputName="power_w").flow(X), MockTransport(server)).size == 3
    assert run(V2Backend(URL).flow(X), MockTransport(server)).size == 3


@pytest.mark.parametrize(
    ("answer", "again"),
    [
        (Response(404, b"{}"), False),
        (Response(500, b"only infer is routed"), False),
        (Response(200, b"<html>a page</html>"), False),
        (Response(200, b'{"name":"power","inputs":[],"outputs":[]}'), False),
        (Response(200, b'{"inputs":[{"name":"predict-prob"}]}'), False),
        (Response(200, b'{"inputs":[{"name":"predict-prob","shape":["-1","3"],"datatype":"FP32"}]}'), False),
        (Response(200, b'{"inputs":[{"name":"predict-prob","shape":[-1],"datatype":"FP32"}]}'), False),
        (Response(200, b'{"inputs":"predict-prob"}'), False),
        (Response(503, b"loading"), True),
        (Response(429, b"busy"), True),
    ],
)
def test_a_server_that_describes_nothing_gets_the_references_request(answer: Response, again: bool) -> None:
    """KServe and MLServer often list no inputs, and Seldon Core routes infer only."""
    server = StrictServer((Tensor("predict-prob"),), max_batch_size=9)
    questions = []

    def respond(request: Request) -> Response:
        if request.method == "GET":
            questions.append(request.url)
            return answer
        return server(request)

    backend = V2Backend(URL)
    for _ in range(2):
        assert run(backend.flow(X), MockTransport(respond)).tolist() == [20.0, 40.0, 60.0]
    assert len(questions) == (2 if again else 1)


def test_a_model_that_was_replaced_is_asked_about_again() -> None:
    old, new = StrictServer(max_batch_size=9), StrictServer((Tensor("renamed", "FP64"),), max_batch_size=2)
    backend = V2Backend(URL)
    run(backend.flow(X), MockTransport(old))
    with pytest.raises(RemoteError, match="unexpected inference input 'INPUT__0'"):
        run(backend.flow(X), MockTransport(new))
    assert run(backend.flow(X), MockTransport(new)).tolist() == [20.0, 40.0, 60.0]


def test_a_wrong_password_is_one_failed_login() -> None:
    transport = MockTransport(lambda request: Response(401, b"", {}, request.url))
    with pytest.raises(RemoteError) as raised:
        run(V2Backend(URL).flow(X), transport)
    assert raised.value.status_code == 401
    assert len(transport.requests) == 1


def test_a_description_that_is_too_large_is_done_without() -> None:
    server = StrictServer((Tensor("predict-prob"),), max_batch_size=9)

    def respond(request: Request) -> Response:
        if request.method == "GET":
            raise ProtocolError("the answer is larger than 1048576 bytes")
        return server(request)

    assert run(V2Backend(URL).flow(X), MockTransport(respond)).tolist() == [20.0, 40.0, 60.0]


@pytest.mark.parametrize("stated", ["cpu_usage, amb_temp", ("cpu_usage", "inlet_temp")], ids=["text", "names"])
@pytest.mark.parametrize("shape", [None, [-1, 2], [2]], ids=str)
def test_a_model_gets_the_features_that_it_names_and_no_others(stated: object, shape: list[int] | None) -> None:
    requests: list[list[list[float]]] = []

    def answer(request: Request) -> Response:
        if request.method == "GET":
            inputs = [] if shape is None else [{"name": "x", "datatype": "FP32", "shape": shape}]
            return json_response({"name": "power", "inputs": inputs})
        (tensor,) = json.loads(request.body or b"")["inputs"]
        requests.append(np.reshape(tensor["data"], (-1, 2)).tolist())
        watts = [100.0] * len(requests[-1])
        return json_response({"outputs": [{"name": "y", "datatype": "FP64", "shape": [len(watts)], "data": watts}]})

    predictor = Predictor(V2Backend(URL, features=stated), transport=MockTransport(answer))
    assert predictor.features == ("cpu_usage", "inlet_temp")
    assert predictor.predict({"cpu_usage": [10, 50], "inlet_temp": [22, 30]}).tolist() == [100.0, 100.0]
    assert [row for rows in requests for row in rows] == [[10.0, 22.0], [50.0, 30.0]]
