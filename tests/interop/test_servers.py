"""V2InferenceProtocol against the real MLServer and the real KServe."""

from __future__ import annotations

import numpy as np
import pytest

from wao_predict import Connection, HttpOptions, RemoteError, load_async_predictor, load_predictor
from wao_predict.predictor import Predictor

pytestmark = pytest.mark.interop
X = np.array([[10.0, 22.0, 2.0], [50.0, 25.0, 5.0], [90.0, 30.0, 8.0]])
EXPECTED = load_predictor("edge_lenovo").predict(X)
ONCE = Connection(options=HttpOptions(attempts=1))


def predictor(url: str) -> Predictor:
    return load_predictor(url, connection=ONCE)


@pytest.mark.parametrize("server", ["mlserver_url", "kserve_url"])
@pytest.mark.parametrize("rows", [1, 3])
def test_a_batch_and_a_row_give_the_models_watts(server: str, rows: int, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue(server)
    with predictor(f"{url}/v2/models/power/infer") as remote:
        assert np.allclose(EXPECTED[:rows], remote.predict(X[:rows]), atol=1e-2)


def test_mlserver_takes_a_version_in_the_url(mlserver_url: str) -> None:
    with predictor(f"{mlserver_url}/v2/models/power/versions/v0.1.0/infer") as remote:
        assert np.allclose(EXPECTED, remote.predict(X), atol=1e-2)


@pytest.mark.parametrize("server", ["mlserver_url", "kserve_url"])
async def test_the_awaited_predictor_gives_the_same(server: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue(server)
    async with load_async_predictor(f"{url}/v2/models/power", connection=ONCE) as remote:
        assert np.allclose(EXPECTED, await remote.predict(X), atol=1e-2)


@pytest.mark.parametrize(
    ("server", "path", "status", "words"),
    [
        ("mlserver_url", "models/none/infer", 404, "none"),
        ("mlserver_url", "models/power/versions/v9/infer", 404, "v9"),
        ("kserve_url", "models/none/infer", 404, "none"),
        ("kserve_url", "models/power/versions/v1/infer", 501, "ersion"),
    ],
)
def test_a_refusal_is_reported_in_the_words_of_the_server(
    server: str, path: str, status: int, words: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(server)
    with predictor(f"{url}/v2/{path}") as remote, pytest.raises(RemoteError, match=words) as raised:
        remote.predict(X)
    assert raised.value.status_code == status


def test_a_model_that_refuses_a_batch_is_asked_row_by_row(single_row_url: str) -> None:
    with predictor(f"{single_row_url}/v2/models/power/infer") as remote:
        assert np.allclose(EXPECTED, remote.predict(X), atol=1e-2)
        assert remote.backend.batch_size == 1  # type: ignore[union-attr]


@pytest.mark.parametrize("server", ["mlserver_url", "kserve_url"])
def test_many_rows_take_few_requests(server: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue(server)
    with predictor(f"{url}/v2/models/power/infer") as remote:
        watts = remote.predict(np.tile(X, (1000, 1)))
    assert np.allclose(np.tile(EXPECTED, 1000), watts, atol=1e-2)


def test_half_precision_goes_as_a_binary_tensor(kserve_url: str) -> None:
    """The rows are exact in half precision. MLServer 1.7 reads no binary tensors over REST."""
    with load_predictor(f"{kserve_url}/v2/models/power#datatype=FP16", connection=ONCE) as remote:
        assert np.allclose(EXPECTED, remote.predict(X), atol=1e-2)


def test_the_inputs_that_mlserver_describes_are_sent(described_url: str) -> None:
    with predictor(f"{described_url}/v2/models/power") as remote:
        assert np.allclose(EXPECTED, remote.predict(X), atol=1e-2)


def test_a_stated_output_is_taken_by_both_servers(mlserver_url: str, kserve_url: str) -> None:
    for url, name in ((mlserver_url, "predict"), (kserve_url, "output-0")):
        with load_predictor(f"{url}/v2/models/power", connection=ONCE, output_name=name) as remote:
            assert np.allclose(EXPECTED, remote.predict(X), atol=1e-2)
