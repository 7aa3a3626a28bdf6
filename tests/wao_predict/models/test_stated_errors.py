"""Errors that models state, and the one that is assumed for others."""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
import pytest

from wao_predict.errors import ModelLoadError
from wao_predict.models import model_path
from wao_predict.models.specpower import server_types
from wao_predict.models.stated_errors import ASSUMED_MAPE, held_out_mape, model_errors


def test_each_model_has_one_error_in_the_order_of_the_nodes() -> None:
    path = str(model_path("cloud_dell"))
    found = model_errors(["specpower:amd_epyc_7763-64c", "edge_lenovo", path, "edge_lenovo"], assumed=7.0)
    assert [(error.mape, error.stated) for error in found] == [
        (7.0, False),
        (1.1702, True),
        (0.3061, True),
    ]


@pytest.mark.parametrize("model", ["curve:0=60 100=120", "https://host/v2/models/power.onnx", "redfish+https://bmc"])
def test_a_model_without_held_out_rows_states_no_error(model: str) -> None:
    assert held_out_mape(model) is None


def test_a_missing_file_is_refused() -> None:
    with pytest.raises(ModelLoadError):
        held_out_mape("missing.onnx")


def test_the_assumed_error_is_the_median_difference_between_servers_with_the_same_processors() -> None:
    alike = defaultdict(list)
    for server in server_types():
        alike[server.processor, server.cores, server.chips].append(np.array(server.watts))
    differences = [
        100.0 * float(np.mean(np.abs(theirs / own - 1.0)))
        for curves in alike.values()
        for own, theirs in itertools.permutations(curves, 2)
    ]
    assert len(differences) > 100
    assert round(float(np.median(differences))) == ASSUMED_MAPE
