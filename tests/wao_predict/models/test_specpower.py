"""Server types from SPECpower results: names, search, and suggestions."""

from __future__ import annotations

import pytest

from wao_predict import load_predictor
from wao_predict.errors import ModelLoadError
from wao_predict.models import specpower


def test_there_are_317_server_types_with_unique_names_and_rising_power() -> None:
    servers = specpower.server_types()
    assert len({server.name for server in servers}) == 317
    for server in servers:
        assert list(server.watts) == sorted(server.watts)
        assert server.watts[0] > 0


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("intel_xeon_gold_6338n", "intel_xeon_gold_6338n-32c-1s-128gb-2200mhz"),
        ("Intel Xeon Gold 6338N", "intel_xeon_gold_6338n-32c-1s-128gb-2200mhz"),
        ("amd_opteron_6278-64c-4s-64gb", "amd_opteron_6278-64c-4s-64gb-2400mhz"),
    ],
)
def test_a_name_may_be_cut_where_it_stays_unambiguous(name: str, found: str) -> None:
    assert specpower.find(name).name == found


def test_an_ambiguous_name_lists_the_candidates() -> None:
    with pytest.raises(ModelLoadError, match=r"3 SPECpower servers: choose one of amd_opteron_6278-32c-2s-64gb"):
        specpower.find("amd_opteron_6278")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("intel_xeon_gold_6338", "did you mean intel_xeon_gold_6338n"),
        ("intel_xeon_gld_6338n", "did you mean intel_xeon_gold_6338n"),
        ("zzz", "wao models search"),
        ("", "wao models search"),
    ],
)
def test_an_unknown_name_suggests_names(name: str, hint: str) -> None:
    with pytest.raises(ModelLoadError, match=hint):
        specpower.find(name)


def test_a_search_takes_words_beginnings_and_cores_in_any_order() -> None:
    assert {server.processor for server in specpower.search("6338 xeon GOLD")} == {"intel_xeon_gold_6338n"}
    assert {server.cores for server in specpower.search("epyc 128 cores")} == {128}
    assert {server.cores for server in specpower.search("64-cores")} == {64}
    assert specpower.search("xeon nonesuch") == []
    assert specpower.search("  ") == []


def test_processors_that_resemble_a_text_are_suggested() -> None:
    assert "intel_xeon_platinum_8280" in specpower.close_processors("intel xeon platinum 8281")


def test_each_model_reproduces_its_eleven_points() -> None:
    """The points are values of the published fit, so the error against the results is the one that the fit states."""
    for server in specpower.server_types():
        watts = load_predictor(f"specpower:{server.name}").predict({"cpu_usage": list(specpower.LOADS)})
        assert watts.tolist() == list(server.watts)
        assert server.mape is None or 0 <= server.mape < 100
