"""Endpoints as keys: equal ones are one key, and nothing in them can change."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_predict.connection import TlsPolicy
from wao_predict.endpoint import Endpoint, Options

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), values, max_size=5))
def test_equal_options_have_equal_hashes_in_any_order(given_: dict[str, Any]) -> None:
    one, two = Options(given_), Options(dict(reversed(json.loads(json.dumps(given_)).items())))
    assert one == two
    assert hash(one) == hash(two)
    assert hash(Endpoint("T", options=one)) == hash(Endpoint("T", options=two))


def test_options_do_not_follow_what_they_were_made_of() -> None:
    source: dict[str, Any] = {"sensor": {"name": "a"}, "list": [1]}
    options = Options(source)
    source["sensor"]["name"], source["list"] = "b", []
    assert options == {"sensor": {"name": "a"}, "list": (1,)}
    assert options.mapping("sensor").text("name") == "a"
    assert (options.text("nothing"), options.mapping("list")) == ("", Options())


@pytest.mark.parametrize(
    "other",
    [
        Endpoint("U", "u", "s"),
        Endpoint("T", "v", "s"),
        Endpoint("T", "u", ""),
        Endpoint("T", "u", "s", TlsPolicy(insecure=True)),
        Endpoint("T", "u", "s", options=Options({"a": 1})),
    ],
)
def test_whatever_differs_is_another_endpoint(other: Endpoint) -> None:
    assert other != Endpoint("T", "u", "s")
    assert len({other, Endpoint("T", "u", "s"), Endpoint("T", "u", "s")}) == 2


def test_labels_show_no_password() -> None:
    assert Endpoint("Redfish", "https://u:p@bmc/x").label == "Redfish https://bmc/x"
    assert Endpoint("Fake").label == "Fake"
