"""`wao models`."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.wao_predict.redfish.captures import documents
from wao_predict import UsageError
from wao_predict.cli.models import app
from wao_predict.models import list_models, model_path
from wao_predict.testing import MockBmc


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_the_list_has_each_model_with_its_error_and_licence() -> None:
    shown = run()
    for info in list_models():
        (line,) = (line for line in shown.splitlines() if line.startswith(f"{info.name} "))
        assert f"{info.metrics['held_out']['all']['mape']:.2f}" in line
        assert "Apache-2.0" in line


def test_json_has_everything() -> None:
    documents = json.loads(run("--output", "json"))
    assert [document["name"] for document in documents] == [info.name for info in list_models()]
    first = documents[0]
    assert Path(first["path"]).stat().st_size == first["bytes"]
    assert first["ranges"]["cpu_usage"] == [0.1, 100.0]
    assert first["metrics"]["heldOut"]["all"]["mape"] > 0
    assert first["license"] == "Apache-2.0"
    assert "waok8s" in first["source"]


@pytest.mark.parametrize("output", ["table", "json"])
def test_one_model_by_name_or_by_path(output: str) -> None:
    by_name = run("edge_lenovo", "-o", output)
    assert by_name == run(str(model_path("edge_lenovo")), "-o", output)
    assert "edge_lenovo" in by_name
    assert "Osaka University" in by_name


def test_the_points_of_a_file_are_shown(tmp_path: Path) -> None:
    (tmp_path / "server.csv").write_text("cpu_usage,watts\n0,118\n100,289\n")
    assert "289.00" in run(str(tmp_path / "server.csv"))
    shown = json.loads(run(str(tmp_path / "server.csv"), "-o", "json"))
    assert (shown["name"], shown["knots"], shown["watts"]) == ("server", [0.0, 100.0], [118.0, 289.0])


def test_an_unknown_model_suggests_a_name() -> None:
    with pytest.raises(UsageError, match="no included model 'edge_lenov'; did you mean edge_lenovo"):
        CliRunner().invoke(app, ["edge_lenov"], catch_exceptions=False)


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_search_lists_server_types_with_their_power(output: str) -> None:
    shown = run("search", "xeon", "gold", "6338", "-o", output)
    assert "specpower:intel_xeon_gold_6338n-32c-1s-128gb-2200mhz" in shown
    assert "126.4" in shown
    assert "276.7" in shown


def test_a_search_without_result_suggests_names() -> None:
    with pytest.raises(UsageError, match=r"no server type with 'xeon gold 6339'; did you mean .*intel_xeon_gold_63"):
        CliRunner().invoke(app, ["search", "xeon", "gold", "6339"], catch_exceptions=False)


def test_a_server_type_states_its_source_and_what_it_does_not_model() -> None:
    shown = json.loads(run("specpower:intel_xeon_gold_6338n", "-o", "json"))
    assert shown["notModelled"] == "inlet temperature and static pressure difference"
    assert "SPECpower_ssj2008" in shown["source"]
    assert shown["watts"][0] == 126.4
    assert "SPECpower_ssj2008" in " ".join(run("specpower:intel_xeon_gold_6338n").split())


async def test_a_bmc_states_its_processors_and_gets_candidates() -> None:
    async with MockBmc(documents("hpe-dl385-gen10plus-ilo5")) as server:
        shown = json.loads(await asyncio.to_thread(run, "match", server.url, "-o", "json"))
        table = await asyncio.to_thread(run, "match", server.url)
    assert shown["hardware"]["processor"] == "AMD EPYC 7763 64-Core Processor"
    first = shown["candidates"][0]
    assert first["name"] == "specpower:amd_epyc_7763-128c-2s-256gb-2400mhz"
    assert first["reason"] == "same processor, number of cores unknown"
    assert "specpower:amd_epyc_7763" in table


async def test_a_server_that_resembles_none_gets_advice() -> None:
    async with MockBmc(documents("nvidia-gb200-openbmc")) as server:
        table = await asyncio.to_thread(run, "match", server.url)
    assert "ARMv9" in table
    assert "measure the server, or give a curve of points" in table
