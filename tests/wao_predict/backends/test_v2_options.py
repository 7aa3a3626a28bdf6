"""What can be stated about a model on a V2 server."""

from __future__ import annotations

import pytest

from wao_predict import UsageError
from wao_predict.backends.v2_options import ModelOptions, model_options, split_options


def test_options_have_the_names_of_the_resource() -> None:
    given = {"inputName": "x", "outputName": "y", "datatype": "fp64", "maxBatchSize": 8, "contentType": "np"}
    stated = ModelOptions(input_name="x", output_name="y", datatype="FP64", max_batch_size=8, content_type="np")
    assert stated == model_options(given)
    in_python = {"input_name": "x", "output_name": "y", "datatype": "FP64", "max_batch_size": 8, "content_type": "np"}
    assert stated == model_options(in_python)


def test_nothing_and_empty_texts_state_nothing() -> None:
    assert (
        ModelOptions() == model_options({}) == model_options({"inputName": " ", "maxBatchSize": "", "datatype": None})
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"inputname": "x"}, "'inputname' is not an option of a model server; there are inputName, outputName"),
        ({"datatype": "BF16"}, "datatype 'BF16' is not one of FP64, FP32, FP16"),
        ({"maxBatchSize": 0}, "maxBatchSize 0 is not a number from 1 to 4096"),
        ({"maxBatchSize": "-8"}, "maxBatchSize '-8' is not a number"),
        ({"maxBatchSize": "9" * 40}, "maxBatchSize '999"),
        ({"features": "inlet_temp"}, "cpu_usage is needed"),
    ],
)
def test_an_option_that_cannot_be_meant_is_named_with_the_remedy(given: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        model_options(given)


def test_a_url_keeps_its_query_and_gives_its_fragment() -> None:
    assert split_options("https://h/v2/models/m?tenant=a#inputName=INPUT%5F%5F0") == (
        "https://h/v2/models/m?tenant=a",
        {"inputName": "INPUT__0"},
    )
    assert split_options("https://h/v2/models/m") == ("https://h/v2/models/m", {})
