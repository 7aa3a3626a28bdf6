"""Decoding objects of one kind: what is ignored, what is refused, and what the error names."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from wao_core.cluster.decoder import MOST_VALUES, Decoder
from wao_core.cluster.pod_cpu import Cores
from wao_core.errors import ManifestError


class Thing(msgspec.Struct):
    metadata: dict[str, Any]
    cpu: Cores = Cores(1.0)
    names: tuple[str, ...] = ()


DECODER = Decoder("Thing", Thing, lambda thing: thing)
META = {"name": "x"}


def decoded(document: dict[str, Any]) -> Thing:
    """Decode from JSON and from values: both give the same."""
    found: Thing = DECODER.decode_object(document)
    assert DECODER.decode_json(json.dumps(document).encode()) == found
    return found


def test_unknown_fields_are_ignored_and_nulls_count_as_missing() -> None:
    assert decoded({"metadata": META, "cpu": None, "names": ["a"], "more": 1}) == Thing(META, Cores(1.0), ("a",))


def test_quantities_are_read_wherever_there_are_any() -> None:
    assert decoded({"metadata": META, "cpu": "1500m"}).cpu == 1.5


@pytest.mark.parametrize(
    ("document", "field", "words"),
    [
        ({"metadata": META, "cpu": "lots"}, "cpu", "Thing x: 'lots' is not a quantity"),
        ({"metadata": META, "names": ["a", {}]}, "names[1]", "Expected `str`, got `object`"),
        ({"names": []}, "", "missing required field `metadata`"),
        ({"metadata": 7}, "metadata", "Expected `object`, got `int`"),
    ],
)
def test_an_error_names_the_kind_the_object_and_the_field(document: dict[str, Any], field: str, words: str) -> None:
    for decode in (DECODER.decode_object, lambda raw: DECODER.decode_json(json.dumps(raw).encode())):
        with pytest.raises(ManifestError) as raised:
            decode(document)
        assert words in str(raised.value)
        assert raised.value.field == field


def test_an_error_of_the_builder_is_ours_too() -> None:
    def build(_: Thing) -> None:
        raise ZeroDivisionError("no")

    with pytest.raises(ManifestError, match="Thing x: ZeroDivisionError: no"):
        Decoder("Thing", Thing, build).decode_object({"metadata": META})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 10_000, "not JSON"),
        (b'{"metadata":' + b"[" * (MOST_VALUES + 1), "no object of the API"),
    ],
)
def test_what_is_no_json_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(ManifestError, match=words):
        DECODER.decode_json(body)


def test_a_large_name_does_not_fill_the_message() -> None:
    with pytest.raises(ManifestError) as raised:
        DECODER.decode_object({"metadata": {"name": "x" * 10_000}, "cpu": "y" * 10_000})
    assert len(str(raised.value)) < 700
