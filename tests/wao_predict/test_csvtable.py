"""CSV tables: columns by name, and errors that name file, line and column."""

from __future__ import annotations

import gzip
import io
import math
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_predict.csvtable import CsvTable, number, read_csv
from wao_predict.errors import FeatureError, UsageError, WaoError

HEAD = "cpu_usage,inlet_temp,delta_p\n"


def table(folder: Path, text: str | bytes) -> CsvTable:
    path = folder / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_csv(path)


def test_columns_are_found_by_name_in_any_order_and_case(tmp_path: Path) -> None:
    found = table(tmp_path, "Delta_P,rack,CPU_Usage\n5,a,10\n6,b,20\n").numbers(["cpu_usage", "delta_p"])
    assert {name: values.tolist() for name, values in found.items()} == {
        "cpu_usage": [10.0, 20.0],
        "delta_p": [5.0, 6.0],
    }


def test_the_names_of_the_published_tables_are_accepted(tmp_path: Path) -> None:
    made = table(tmp_path, "cpu_percent,inlet_temp_c,delta_p_pa\n10,22,5\n")
    assert made.places(["cpu_usage", "inlet_temp", "delta_p"]) == {"cpu_usage": 0, "inlet_temp": 1, "delta_p": 2}


def test_blank_lines_are_left_out_and_lines_keep_their_numbers(tmp_path: Path) -> None:
    made = table(tmp_path, f"\n{HEAD}\n1,2,3\n , ,\n4,5,x\n")
    assert made.lines == [4, 6]
    with pytest.raises(FeatureError, match="line 6, column delta_p: 'x' is not a number"):
        made.numbers(["delta_p"])


def test_a_byte_order_mark_and_the_line_ends_of_windows_are_understood(tmp_path: Path) -> None:
    made = table(tmp_path, "\ufeffcpu_usage\r\n10\r\n")
    assert made.numbers(["cpu_usage"])["cpu_usage"].tolist() == [10.0]


@pytest.mark.parametrize(
    "text",
    [
        "cpu_usage;inlet_temp;delta_p\n12,5;22;-0,5\n",
        "cpu_usage\tinlet_temp\tdelta_p\n12.5\t22\t-0.5\n",
        "\n cpu_usage ; inlet_temp ; delta_p \n 12,5 ; 2,2e1 ; -0,5 \n",
    ],
)
def test_columns_may_be_separated_by_semicolons_and_tabs_with_decimal_commas(text: str, tmp_path: Path) -> None:
    found = table(tmp_path, text).numbers(["cpu_usage", "inlet_temp", "delta_p"])
    assert [values.tolist() for values in found.values()] == [[12.5], [22.0], [-0.5]]


def test_an_optional_column_is_unknown_where_it_is_empty_or_missing(tmp_path: Path) -> None:
    made = table(tmp_path, "cpu_usage,inlet_temp\n1,22\n2,\n3\n")
    values = made.optional_numbers("inlet_temp").tolist()
    assert values[0] == 22.0
    assert all(map(math.isnan, [*values[1:], *made.optional_numbers("delta_p")]))
    assert len(made.optional_numbers("delta_p")) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cpu_usage,inlet_temp\n1,2\n", "line 1: missing column delta_p; the header has cpu_usage, inlet_temp"),
        ("rack\na\n", "missing columns cpu_usage, inlet_temp, delta_p"),
        ("cpu_usage;inlet_temp\n1;2\n", "missing column delta_p; the header has cpu_usage, inlet_temp"),
        ("cpu_usage;inlet_temp;delta_p\n1;2;3,4,5\n", "column delta_p: '3,4,5' is not a number"),
        (f"{HEAD.strip()},CPU_USAGE\n1,2,3,4\n", "column cpu_usage occurs twice"),
        (f"{HEAD}1,2\n", "line 2, column delta_p: the value is missing"),
        (f"{HEAD}1,nan,3\n", "column inlet_temp: 'nan' is not a number"),
        (f"{HEAD}1,2,1e999\n", "column delta_p: '1e999' is not a number"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_by_its_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(FeatureError) as raised:
        table(tmp_path, text).numbers(["cpu_usage", "inlet_temp", "delta_p"])
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{HEAD}1,2,3,4\n", "line 2: 4 values for 3 columns; write decimals with a point"),
        ("", "is empty: the first line names the columns"),
        (b"\xff\xfe1,2", "it is not UTF-8 text but UTF-16: save it as CSV in UTF-8"),
        (b"caf\xe9,watts\n", "it is not UTF-8 text; save it as CSV in UTF-8"),
        (gzip.compress(b"cpu_usage\n1\n", mtime=0), "it is compressed (gzip): unpack it"),
        (b"PK\x03\x04\x14\0", "it is a spreadsheet or a ZIP archive: export the table as CSV"),
        (b"PAR1\x15\x04", "it is a Parquet file: export the table as CSV"),
        (f"# exported today\n{HEAD}1,2,3\n", "the first line must name the columns, and it is '# exported today'"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, text: str | bytes, words: str) -> None:
    with pytest.raises(WaoError) as raised:
        table(tmp_path, text)
    assert words in str(raised.value)


def test_surplus_cells_that_are_blank_shift_nothing(tmp_path: Path) -> None:
    assert table(tmp_path, f"{HEAD}1,2,3,,\n").numbers(["delta_p"])["delta_p"].tolist() == [3.0]


@pytest.mark.parametrize(("name", "words"), [("gone.csv", "No such file"), ("\0", "NUL character")])
def test_a_file_that_cannot_be_opened_is_refused(name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_csv(name)


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"cpu_usage\n7\n")))
    made = read_csv("-")
    assert (made.name, made.numbers(["cpu_usage"])["cpu_usage"].tolist()) == ("standard input", [7.0])
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UsageError, match="standard input cannot be read: it is closed"):
        read_csv("-")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_number_comes_back(value: float) -> None:
    assert number(repr(value)) == value


@pytest.mark.parametrize("text", ["", "x", "1_000", "nan", "inf", "-Infinity", "1e400", "0x10", "1,5"])
def test_texts_that_are_no_finite_number(text: str) -> None:
    assert number(text) is None
