"""Whatever a stranger sends to the extender or the metrics API, it is decoded or refused with our errors, and soon."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fuzz.json_texts import TEXTS, VALUES
from wao_core.cluster.decode import POD
from wao_core.cluster.durations import parse_duration
from wao_core.errors import ManifestError, WaoCoreError
from wao_core.serving.api import validation_message
from wao_core.serving.status import StatusError
from wao_core.source.decoders import decode_object
from wao_core.source.documents import record_of, secret_of
from wao_core.source.plain_values import plain_values
from wao_metrics_api.negotiation import negotiate
from wao_metrics_api.paths import parse_path
from wao_metrics_api.selectors import SelectorError, parse_selector
from wao_predict.errors import QuantityError, WaoError
from wao_predict.quantity import cores
from wao_predict.timestamps import parse_rfc3339
from wao_scheduler.documents import WhatIfRequest
from wao_scheduler.wire import ExtenderRequestError, decode_args

EMPTY = b'{"Pod":{"metadata":{"name":"p"}},'
EXPENSIVE = {
    "a Pod of 8 MiB": b'{"Pod":{"spec":5,"x":[' + b"[]," * 2_700_000 + b"[]]}}",
    "a Pod of 1 MiB of lists": b'{"Pod":{"spec":5,"x":[' + b"[]," * 300_000 + b"[]]}}",
    "20 million names": EMPTY + b'"NodeNames":[' + b'"",' * 20_000_000 + b'""]}',
    "4 million nodes": EMPTY + b'"Nodes":{"items":[' + b'{"metadata":{}},' * 4_000_000 + b'{"metadata":{}}]}}',
    "many keys": b'{"pod":{},' + b",".join(b'"%d":1' % key for key in range(900_000)) + b"}",
    "nesting": b'{"Pod":' + b"[" * 8_000_000,
}


@pytest.mark.parametrize("body", EXPENSIVE.values(), ids=EXPENSIVE.keys())
def test_an_expensive_request_is_refused_soon(body: bytes) -> None:
    began = time.process_time()
    with pytest.raises(ExtenderRequestError):
        decode_args(body)
    assert time.process_time() - began < 0.5


@given(
    TEXTS
    | st.fixed_dictionaries({"Pod": VALUES}, optional={"NodeNames": VALUES, "Nodes": VALUES})
    .map(json.dumps)
    .map(str.encode)
)
def test_any_extender_request_is_decoded_or_refused(body: bytes) -> None:
    with suppress(ExtenderRequestError):
        decode_args(body)


def test_the_message_of_a_wrong_question_is_short() -> None:
    began = time.process_time()
    with pytest.raises(ValueError) as caught:
        WhatIfRequest.model_validate_json(b'{"cpu":"1","nodes":[' + b"[]," * 160_000 + b"[]]}")
    assert len(validation_message(caught.value)) < 2000  # type: ignore[arg-type]
    assert time.process_time() - began < 0.5


@given(TEXTS)
def test_any_question_is_a_request_or_a_validation_error(body: bytes) -> None:
    with suppress(ValueError):
        WhatIfRequest.model_validate_json(body)


@given(
    st.text(max_size=80) | st.lists(st.sampled_from("nodes namespaces * n1 metrics v1beta2 ..".split())).map("/".join)
)
def test_any_path_is_a_request_or_a_status(path: str) -> None:
    with suppress(StatusError):
        parse_path(f"/apis/custom.metrics.k8s.io/v1beta2/{path}")


@given(st.text(max_size=60) | st.text("=!(),<> inot", max_size=30))
def test_any_selector_is_parsed_or_refused(text: str) -> None:
    with suppress(SelectorError):
        parsed = parse_selector(text)
        assert parse_selector(str(parsed)) == parsed


@given(st.text(max_size=60) | st.text("*/;,=q.01 application/json", max_size=60))
def test_any_accept_header_is_negotiated_or_refused(text: str) -> None:
    with suppress(StatusError):
        negotiate(text)


@given(st.text(max_size=30) | st.text("0123456789.eE+-nukMGTPi", max_size=30))
def test_any_quantity_and_any_duration_is_read_or_refused(text: str) -> None:
    with suppress(QuantityError):
        cores(text)
    with suppress(WaoCoreError):
        parse_duration(text)
    with suppress(WaoError, ValueError):
        parse_rfc3339(text)


KINDS = st.sampled_from(["Node", "Pod", "Deployment", "Service", "EndpointSlice", "NodeMetrics", "PodMetrics"])


@given(
    KINDS | st.sampled_from(["NodeConfig", "NodeConfigTemplate", "Secret", "Other"]),
    st.dictionaries(st.text(max_size=5), VALUES) | VALUES,
)
def test_any_object_is_decoded_or_refused(kind: str, value: Any) -> None:
    document = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "n"}, "spec": value, "status": value}
    with suppress(ManifestError):
        record_of(document)
    with suppress(ManifestError):
        secret_of({**document, "data": value, "stringData": value})
    if kind not in ("Secret", "Other"):
        with suppress(ManifestError):
            decode_object(kind, document)


@given(TEXTS)
@example(b'{"metadata":' + b"[" * 100_000)
def test_any_pod_is_decoded_or_refused(body: bytes) -> None:
    with suppress(ManifestError):
        POD.decode_json(body)


YAML = st.lists(
    st.sampled_from(
        [
            "- ",
            "? ",
            ": ",
            "[",
            "]",
            "{",
            "}",
            "&a ",
            "*a",
            "!!int ",
            "!x ",
            "'",
            '"',
            "\n",
            "  ",
            "a",
            "0x1",
            "1:1",
            "|",
            "<<",
            "---\n",
            "#",
        ]
    ),
    max_size=40,
)


@given(YAML.map("".join) | st.text(max_size=60), st.booleans())
@example("- ? " * 30_000, False)
@example("a: " + "1:" * 5000 + "1", False)
def test_any_text_is_plain_values_or_refused(text: str, json: bool) -> None:
    with suppress(ManifestError):
        plain_values(text, json=json)
