"""Whatever a model server, a sensor or a BMC answers, decoding gives a value or one of our errors, and soon."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fuzz.json_texts import EXPENSIVE, TEXTS
from wao_predict.backends import v2_messages
from wao_predict.csvtable import read_csv
from wao_predict.errors import ModelLoadError, WaoError
from wao_predict.flow import Response
from wao_predict.models.metadata import ModelInfo, read_props
from wao_predict.redfish import explorer
from wao_predict.remote import retry_after
from wao_predict.sensors import dpapi, prometheus

STATUSES = st.sampled_from([200, 200, 200, 301, 400, 500])
DECODERS: dict[str, Callable[[Response], object]] = {
    "dpapi": dpapi.decode,
    "prometheus": lambda response: prometheus.decode(response, "http://p"),
    "v2": lambda response: v2_messages.decode_response(response, 2),
    "redfish": lambda response: explorer.decode(response.body),
}
NAMES = pytest.mark.parametrize("name", DECODERS)


def decoded(name: str, body: bytes, status: int = 200) -> None:
    """Decode an answer; any error but one of ours is raised."""
    with suppress(WaoError):
        DECODERS[name](Response(status, body, {}, "http://user:pass@server/path"))


@NAMES
@given(body=TEXTS, status=STATUSES)
@example(body=b'{"sensor":5}', status=200)
@example(body=b'{"outputs":[{"name":"w","datatype":"FP32","data":[%b,1]}]}' % (b"1" * 400), status=200)
@example(body=b'{"outputs":[{"name":"w","datatype":"FP32","data":[%b,1]}]}' % (b"1" * 5000), status=200)
@example(body=b'{"error":%b}' % (b"[" * 900 + b"]" * 900), status=500)
def test_any_answer_is_a_value_or_an_error_of_ours(name: str, body: bytes, status: int) -> None:
    decoded(name, body, status)


@NAMES
@pytest.mark.parametrize("body", EXPENSIVE.values(), ids=EXPENSIVE.keys())
@pytest.mark.parametrize("status", [200, 500])
def test_an_expensive_answer_does_not_hold_the_event_loop(name: str, body: bytes, status: int) -> None:
    began = time.process_time()
    decoded(name, body, status)
    assert time.process_time() - began < 0.3


@given(st.text(max_size=40), st.floats(0, 1e12))
@example("9" * 400, 0.0)
@example("Mon, 99 Jan 99999 00:00:00 GMT", 0.0)
def test_any_retry_after_is_seconds_or_nothing(value: str, now: float) -> None:
    found = retry_after(Response(503, b"", {"retry-after": value}, ""), now=now)
    assert found is None or found >= 0.0


@given(
    st.binary(max_size=300) | st.lists(st.text(max_size=30), max_size=8).map(lambda lines: "\n".join(lines).encode())
)
@example(b"name,cpu\x00\n1")
@example(b"\xff\xfen\x00")
@example(b'"' + b"a" * 200_000)
def test_any_table_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "table.csv"
    path.write_bytes(content)
    with suppress(WaoError):
        table = read_csv(path)
        table.numbers(table.header[:2])


@given(st.lists(st.text(max_size=12) | st.floats().map(str) | st.just("1_000"), min_size=1, max_size=4))
def test_a_number_of_a_table_is_finite_and_has_no_underscore(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "numbers.csv"
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["cpu_usage"], *[[cell] for cell in cells]])
    path.write_text(text.getvalue(), newline="")
    try:
        values = read_csv(path).numbers(["cpu_usage"])["cpu_usage"]
    except WaoError:
        return
    assert all(abs(value) < float("inf") for value in values)
    assert not any("_" in cell for cell in cells)


def test_a_file_name_with_nul_is_refused() -> None:
    with pytest.raises(WaoError, match="NUL"):
        read_csv("a\0b")


@given(
    st.dictionaries(
        st.sampled_from(["wao.name", "wao.ranges", "wao.knots", "wao.support", "wao.metrics", "wao.features"]),
        st.text(max_size=20)
        | st.sampled_from(["[[]]", '{"cpu_usage":[1]}', "[1e999]", f"[{10**400}]", "[" * 100_000, "5"])
        | TEXTS.map(lambda body: body.decode(errors="replace")),
    )
)
@example({"wao.ranges": json.dumps({"cpu_usage": [], "inlet_temp": [], "delta_p": []})})
@example({"wao.knots": f"[{10**400}]"})
@example({"wao.metrics": "[" * 100_000})
def test_any_metadata_of_a_model_are_read_or_refused(props: dict[str, str]) -> None:
    with suppress(ModelLoadError):
        ModelInfo.from_props(props, Path("m.onnx"))


@given(st.binary(max_size=200))
@example(b"\x72\x00" * 300_000)
def test_any_model_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "model.onnx"
    path.write_bytes(content)
    with suppress(ModelLoadError):
        read_props(path)
