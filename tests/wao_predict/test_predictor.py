"""Predictors: one way to ask, whatever answers; in scripts, servers and notebooks."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from wao_predict import (
    BackendNotFound,
    FeatureError,
    ModelLoadError,
    OutOfRangeWarning,
    Predictor,
    UsageError,
    load_async_predictor,
    load_predictor,
)
from wao_predict.backends.fake import FakeBackend
from wao_predict.features import FeatureRanges
from wao_predict.testing import MockTransport, serve_documents


class Ranged(FakeBackend):
    """A line with a trained range."""

    ranges = FeatureRanges(cpu_usage=(0.0, 100.0), inlet_temp=(15.0, 40.0), delta_p=(0.0, 10.0))


def test_the_answer_is_a_float64_array_of_watts() -> None:
    watts = load_predictor("edge_lenovo").predict({"cpu_usage": [10, 50], "inlet_temp": [22, 30], "delta_p": [5, 5]})
    assert watts.shape == (2,)
    assert watts.dtype == np.float64
    assert (watts > 100).all()


def test_rows_out_of_range_are_predicted_at_the_nearest_value_and_reported() -> None:
    predictor = Predictor(Ranged(0.0, 1.0), name="line")
    expected = (
        "line: cpu_usage of 150 % in row 0 is outside 0 to 100 % (give percent of all cores: a value for one core, or "
        "millicores, can exceed 100); inlet_temp of 99 degC in row 2 is outside 15 to 40 degC (degrees Fahrenheit? 99 "
        "is 37.2 degC), its trained range: predicted at the nearest trained value"
    )
    with pytest.warns(OutOfRangeWarning, match=f"^{re.escape(expected)}$"):
        watts = predictor.predict([[150, 20, 5], [50, 20, 5], [50, 99, 5]])
    assert watts.tolist() == [100.0, 50.0, 50.0]
    prediction = predictor.predict_detailed([[150, 20, 5], [50, 20, 5], [50, 99, 5]])
    assert prediction.out_of_range.tolist() == [0, 2]
    assert prediction.model == "line"


def test_rows_in_range_are_not_warned_about() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Predictor(Ranged()).predict([[50, 20, 5]])


def test_any_object_with_predict_is_a_backend() -> None:
    class Regressor:
        def predict(self, X: Any) -> Any:
            return X.sum(axis=1).reshape(-1, 1)

    assert Predictor(Regressor()).predict([[1, 2, 3]]).tolist() == [6.0]


async def test_async_predictors_have_the_same_names() -> None:
    async with load_async_predictor("fake", base=5.0) as predictor:
        assert (await predictor.predict([[1, 20, 5]])).tolist() == [5.0]
        assert (await predictor.predict_detailed([[1, 20, 5]])).out_of_range.size == 0


@pytest.mark.parametrize(
    ("source", "options", "error", "words"),
    [
        ("nonsense", {}, ModelLoadError, "or an included model: cloud_dell"),
        ("x", {"type": "Nope"}, BackendNotFound, "installed: Fake, Onnx, PowerCurve, Redfish, V2InferenceProtocol"),
        ("fake", {"watts": 3}, UsageError, "cannot be made of these options"),
        ("https://u:p@h.example/v2/models/m", {}, UsageError, "credentials in a URL"),
    ],
)
def test_a_model_that_cannot_be_loaded_is_reported(
    source: str, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        load_predictor(source, **options)


def test_a_bad_table_never_reaches_the_server() -> None:
    from wao_predict.backends.v2 import V2Backend

    server = MockTransport(serve_documents({}))
    with pytest.raises(FeatureError):
        Predictor(V2Backend("http://h/v2/models/m"), transport=server).predict([[1, 2]])
    assert server.requests == []


def test_a_remote_backend_without_transport_is_refused() -> None:
    from wao_predict.backends.v2 import V2Backend

    with pytest.raises(UsageError, match="load_predictor"):
        Predictor(V2Backend("http://h/v2/models/m"))


def test_a_path_a_url_and_a_name_each_find_their_backend(tmp_path: Path) -> None:
    from wao_predict import model_path

    copied = tmp_path / "mine.onnx"
    copied.write_bytes(model_path("cloud_dell").read_bytes())
    assert load_predictor(copied).name == "cloud_dell"
    with load_predictor("http://127.0.0.1:9/v2/models/m") as remote:
        assert type(remote.backend).__name__ == "V2Backend"
    with load_predictor("redfish+https://127.0.0.1:9") as bmc:
        assert type(bmc.backend).__name__ == "RedfishBackend"


@pytest.mark.filterwarnings("ignore")
def test_a_notebook_cell_with_a_running_loop_works(tmp_path: Path) -> None:
    """Both the sync and the awaited predictor, in a real kernel."""
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_code_cell(
            "from wao_predict import load_predictor, load_async_predictor\n"
            "X = {'cpu_usage': [10], 'inlet_temp': [22], 'delta_p': [5]}\n"
            "first = load_predictor('edge_lenovo').predict(X).tolist()"
        ),
        nbformat.v4.new_code_cell(
            "second = (await load_async_predictor('edge_lenovo').predict(X)).tolist()\n"
            "import json; print(json.dumps([first, second]))"
        ),
    ]
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(tmp_path)}}).execute()
    first, second = json.loads(notebook.cells[1].outputs[0].text)
    assert first == second
