"""`wao predict`, and what all commands have in common: exit codes, one-line errors, help."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fakes.onnx_files import with_metadata
from tests.fakes.triton import StrictServer, Tensor, listening
from tests.wao_predict.cli.running import Ran, wao, wao_from_the_start, wao_to_a_closed_pipe
from wao_predict import load_predictor
from wao_predict.backends.power_curve import PowerCurveBackend
from wao_predict.models.export import curve_to_onnx

TABLE = "inlet_temp,cpu_usage,rack,delta_p\n22,10,a,5\n30,50,b,5\n60,50,c,5\n"


@pytest.fixture
def table(tmp_path: Path) -> str:
    file = tmp_path / "table.csv"
    file.write_text(TABLE)
    return str(file)


def test_json_has_model_watts_and_the_rows_out_of_range(table: str) -> None:
    ran = wao("predict", "edge_lenovo", table, "--output", "json")
    assert ran.code == 0
    document = json.loads(ran.out)
    assert list(document) == ["model", "watts", "outOfRange"]
    assert document["model"] == "edge_lenovo"
    assert document["outOfRange"] == [2]
    expected = load_predictor("edge_lenovo").predict_detailed([[10, 22, 5], [50, 30, 5], [50, 60, 5]]).watts
    assert document["watts"] == pytest.approx(expected.tolist(), abs=1e-3)


def test_csv_keeps_the_columns_and_adds_watts() -> None:
    ran = wao("predict", "fake", "-", "--output", "csv", stdin="\ufeff" + TABLE)
    assert ran.code == 0
    assert ran.out.splitlines()[:2] == ["inlet_temp,cpu_usage,rack,delta_p,watts", "22,10,a,5,3.14"]


def test_bounds_of_an_interval_are_columns_too(tmp_path: Path) -> None:
    file = tmp_path / "server.onnx"
    curve_to_onnx(PowerCurveBackend({0.0: 100.0, 100.0: 200.0}), file)
    bounds = '{"edges": [0, 50, 100], "levels": [0.5, 0.9], "low": [[-1, -2], [-3, -4]], "high": [[1, 2], [3, 4]]}'
    file.write_bytes(with_metadata(file.read_bytes(), "wao.intervals", bounds))
    command, rows = ("predict", str(file), "-", "--interval", "0.9"), "cpu_usage\n10\n60\n"
    assert wao(*command, "-o", "csv", stdin=rows).out.splitlines() == [
        "cpu_usage,watts,watts_low,watts_high",
        "10,110.0,108.0,112.0",
        "60,160.0,156.0,164.0",
    ]
    document = json.loads(wao(*command, "-o", "json", stdin=rows).out)
    assert (document["wattsLow"], document["wattsHigh"]) == ([108.0, 156.0], [112.0, 164.0])
    refused = wao("predict", "fake", "-", "--interval", "0.9", stdin="cpu_usage,inlet_temp,delta_p\n10,22,5\n")
    assert (refused.code, refused.err.split(":")[1]) == (1, " fake has no prediction intervals")


def test_names_in_capitals_and_those_of_the_published_tables_are_read_too() -> None:
    ran = wao("predict", "fake", "-", "-o", "csv", stdin="CPU_Usage,inlet_temp_c,delta_p_pa,watts\n10,22,5,200\n")
    assert ran.code == 0
    assert ran.out.splitlines() == ["CPU_Usage,inlet_temp_c,delta_p_pa,watts,predicted_watts", "10,22,5,200,3.14"]


def test_a_table_for_people_marks_the_rows_outside(table: str) -> None:
    ran = wao("predict", "edge_lenovo", table)
    assert ran.code == 0
    assert "outside" in ran.out
    assert "warning: 1 of 3 rows (from 0: 2) are outside the trained range" in ran.err


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_table_may_be_separated_by_semicolons_or_tabs(separator: str) -> None:
    text = "cpu_usage,inlet_temp,delta_p\n10,22,3\n"
    tables = [text, text.replace(",", separator)]
    expected, found = [json.loads(wao("predict", "fake", "-", "-o", "json", stdin=each).out) for each in tables]
    assert found == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty: the first line names the columns"),
        (
            "cpu_usage,inlet_temp\n1,2\n",
            "standard input, line 1: missing column delta_p; the header has cpu_usage, inlet_temp",
        ),
        ("cpu_usage,inlet_temp,delta_p\n1,2,3\n\n4,x,6\n", "line 4, column inlet_temp: 'x' is not a number"),
        ("cpu_usage,inlet_temp,delta_p\n1,2\n", "line 2, column delta_p: the value is missing"),
        ("cpu_usage,inlet_temp,delta_p\n1,nan,3\n", "line 2, column inlet_temp: 'nan' is not a number"),
        ("cpu_usage,inlet_temp,delta_p\n10,5,22,3\n", "line 2: 4 values for 3 columns; write decimals with a point"),
        ("cpu_usage,inlet_temp,delta_p,delta_p\n1,2,3,4\n", "line 1: column delta_p occurs twice; keep one"),
        ("cpu_usage,inlet_temp,delta_p\n" + "1" * 200_000 + ",2,3\n", "it is not CSV: field larger than"),
        (
            b"cpu_usage,inlet_temp,delta_p\n\xff\xfe,2,3\n",
            "error: standard input cannot be read: it is not UTF-8",
        ),
    ],
)
def test_a_bad_table_is_one_line_that_names_line_and_column(text: str | bytes, words: str) -> None:
    ran = wao("predict", "fake", "-", stdin=text)
    assert ran.code == 1
    assert ran.err.startswith("error: ")
    assert words in ran.err
    assert len(ran.err.splitlines()) == 1
    assert ran.out == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("predict", "no_such_model", "-"), "edge_lenovo"),
        (("predict", "fake", "/no/such/file.csv"), "cannot be read"),
        (("predict", "x", "-", "--type", "Nope"), "no backend of type 'Nope'; installed: Fake, Onnx"),
        (("predict", "http://127.0.0.1:9/v2/models/m/infer", "-", "--timeout", "1"), "127.0.0.1:9"),
        (("predict", "http://127.0.0.1:9/v2/models/m", "-", "--option", "input=x"), "there are inputName, outputName"),
        (("curve", "http://127.0.0.1:9/v2/models/m#maxBatchSize=x"), "maxBatchSize 'x' is not a number"),
        (("predict", "https://h.example/v2/models/m", "-", "--user", "u"), "WAO_PASSWORD"),
    ],
)
def test_failures_exit_with_1_and_say_what_to_do(arguments: tuple[str, ...], words: str) -> None:
    ran = wao(*arguments, stdin="cpu_usage,inlet_temp,delta_p\n1,20,5\n")
    assert ran.code == 1
    assert words in ran.err
    assert "Traceback" not in ran.err


def test_a_package_that_is_not_installed_is_reported_with_the_remedy(tmp_path: Path) -> None:
    """As in a plain install: the apps' packages are an extra."""
    (tmp_path / "uvicorn.py").write_text("raise ModuleNotFoundError('no', name='uvicorn')")
    ran = wao_from_the_start("scheduler", "--manifests", str(tmp_path), env={"PYTHONPATH": str(tmp_path)})
    assert ran.code == 1
    assert ran.err.strip().splitlines()[-1] == (
        "error: this command needs uvicorn, which is not installed: pip install 'wao-predict[kubernetes]'"
    )


@pytest.mark.parametrize(
    "arguments", [("--debug", "predict", "no_such_model", "-"), ("predict", "no_such_model", "-", "--debug")]
)
def test_debug_shows_the_traceback(arguments: tuple[str, ...]) -> None:
    ran = wao(*arguments)
    assert ran.code == 1
    assert "Traceback" in ran.err


def test_lines_may_end_in_any_way_and_a_byte_order_mark_is_skipped() -> None:
    for end in ("\n", "\r\n", "\r"):
        text = "\ufeffcpu_usage,inlet_temp,delta_p" + end + "10,22,5" + end
        assert wao("predict", "fake", "-", "--output", "csv", stdin=text).out.splitlines()[1:] == ["10,22,5,3.14"]


def test_a_reader_that_has_seen_enough_is_no_failure() -> None:
    rows = "cpu_usage,inlet_temp,delta_p\n" + "10,22,5\n" * 20_000
    assert wao_to_a_closed_pipe("predict", "fake", "-", "--output", "csv", stdin=rows) == Ran(0, "", "")


def test_a_long_table_is_cut_for_people_and_whole_for_programs() -> None:
    rows = "cpu_usage,inlet_temp,delta_p\n" + "10,22,5\n" * 1_003
    shown = wao("predict", "fake", "-", stdin=rows).out
    assert shown.count("3.14") == 1_000
    assert "3 more rows: use --output csv to see all" in " ".join(shown.split())
    assert len(wao("predict", "fake", "-", "--output", "csv", stdin=rows).out.splitlines()) == 1_004


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("predict",), "Missing argument 'MODEL'; see `wao predict --help`"),
        (("nonsense",), "No such command 'nonsense'; see `wao --help`"),
        (("predict", "fake", "-", "--output", "xml"), "'xml' is not one of 'table', 'json', 'csv'"),
        (("read", "redfish", "https://h.example", "--password", "x"), "No such option: --password"),
    ],
)
def test_a_wrong_command_line_is_reported_in_one_line_and_exits_with_2(arguments: tuple[str, ...], words: str) -> None:
    ran = wao(*arguments)
    assert ran.code == 2
    assert ran.err.startswith("error: ")
    assert words in ran.err
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize("arguments", [(), ("read",)])
def test_no_command_at_all_shows_the_help_and_exits_with_2(arguments: tuple[str, ...]) -> None:
    ran = wao(*arguments)
    assert (ran.code, ran.err) == (2, "")
    assert ("predict" if not arguments else "redfish") in ran.out
    assert ran.out.count("Usage") == 1


def test_help_lists_every_command_without_warnings() -> None:
    ran = wao("--help")
    assert ran.code == 0
    assert ran.err == ""
    for command in ("predict", "curve", "models", "train", "what-if", "read", "metrics-api", "scheduler", "lb", "demo"):
        assert f" {command} " in ran.out


@pytest.mark.parametrize(
    "command", ["predict", "curve", "models", "train", "what-if", "read", "scheduler", "lb", "demo"]
)
def test_every_command_has_help(command: str) -> None:
    ran = wao(command, "--help")
    assert ran.code == 0
    assert "Usage" in ran.out


def test_the_version_is_shown() -> None:
    assert wao("--version").out.startswith("wao 0.")


def test_completion_is_offered() -> None:
    ran = wao("--show-completion", "bash", env={"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"})
    assert "complete -o default -F _wao_completion wao" in ran.out


@pytest.mark.parametrize("command", ["predict", "curve", "models"])
def test_the_shipped_models_are_completed(command: str) -> None:
    completing = {"_WAO_COMPLETE": "complete_bash", "COMP_WORDS": f"wao {command} edge_", "COMP_CWORD": "2"}
    assert wao(env=completing).out.split() == ["edge_lenovo", "edge_supermicro"]


@pytest.mark.parametrize("text", ["inputName", "=x", "type=Onnx"])
def test_an_option_without_name_or_value_is_refused(text: str) -> None:
    ran = wao("predict", "http://127.0.0.1:9/v2/models/m", "-", "--option", text)
    assert ran.code == 2
    assert "write NAME=VALUE, such as inputName=INPUT__0" in ran.err


def test_options_reach_a_strict_server() -> None:
    server = StrictServer((Tensor("power/in", "FP64"),), max_batch_size=2)
    with listening(server) as url:
        options = ("--option", "inputName=power/in", "--option", "datatype=FP64", "--option", "maxBatchSize=2")
        ran = wao("predict", f"{url}/v2/models/power", "-", "-o", "csv", *options, stdin="cpu,amb_temp,dp\n10,22,5\n")
    assert ran.out.splitlines() == ["cpu,amb_temp,dp,watts", "10,22,5,20.0"]
    assert server.asked == ["POST /v2/models/power/infer"]
