"""Single fields: plausible power, sums of power supplies, text for numbers."""

from __future__ import annotations

import re
from typing import Any

import pytest

from wao_predict.flow import Response
from wao_predict.redfish.explorer import decode, unreadable
from wao_predict.redfish.values import celsius, consumed_watts, index_of, items, number, supplied_watts, taken_in, text


@pytest.mark.parametrize(
    ("stated", "value"),
    [
        ("152", 152.0),
        ("152 W", 152.0),
        (" 152.5 Watts", 152.5),
        ("24 C", 24.0),
        ("-3", -3.0),
        ("12 V", None),
        ("", None),
    ],
)
def test_text_with_its_unit_is_a_number(stated: str, value: float | None) -> None:
    assert number(stated) == value


@pytest.mark.parametrize("code", [65535, 65534, 32767, 6553.5, -1, 0, None, "N/A", True, 1e9])
def test_codes_for_no_reading_are_no_power(code: object) -> None:
    assert consumed_watts({"PowerConsumedWatts": code}) is None


@pytest.mark.parametrize(
    ("control", "right"),
    [
        ({"PowerConsumedWatts": 1200, "PowerCapacityWatts": 900}, None),
        ({"PowerConsumedWatts": 950, "PowerCapacityWatts": 900}, 950.0),  # input is more than output
        ({"PowerConsumedWatts": 300, "PowerCapacityWatts": 0}, 300.0),
        ({"PowerConsumedWatts": 1240, "PowerMetrics": {"MaxConsumedWatts": 331}}, None),
        ({"PowerConsumedWatts": 400, "PowerMetrics": {"MaxConsumedWatts": 331}}, 400.0),
        ({"PowerConsumedWatts": 400, "PowerMetrics": {"MaxConsumedWatts": 0, "MinConsumedWatts": 0}}, 400.0),
        ({"PowerConsumedWatts": 400, "PowerMetrics": {"MaxConsumedWatts": 100, "AverageConsumedWatts": 390}}, 400.0),
        ({"PowerConsumedWatts": "152", "PowerMetric": {"MaxConsumedWatts": "240"}}, 152.0),
        ({"TotalPower": 412}, 412.0),
        ({"PowerConsumedWatts": 300, "Status": {"State": "Disabled"}}, None),
    ],
)
def test_power_that_cannot_be_true_is_missing(control: dict[str, Any], right: float | None) -> None:
    assert consumed_watts(control) == right


RATED = {"InputRanges": [{"OutputWattage": 750}]}


@pytest.mark.parametrize(
    ("supplies", "right"),
    [
        ([{"PowerInputWatts": 201}, {"PowerInputWatts": 0}], 201.0),
        ([{"PowerInputWatts": 0}, {"PowerInputWatts": 0}], None),
        ([{"PowerInputWatts": 201}, {"PowerInputWatts": 0, "LastPowerOutputWatts": 90}], None),
        ([{"PowerInputWatts": 201}, {"PowerInputWatts": None}], None),
        ([{"PowerInputWatts": 201}, {"PowerInputWatts": None, "Status": {"State": "Absent"}}], 201.0),
        ([{"PowerInputWatts": 900, "LastPowerOutputWatts": None, **RATED}], None),
        ([{"PowerInputWatts": 900, "PowerCapacityWatts": 750, "LastPowerOutputWatts": 120}], None),
        ([{"PowerInputWatts": 900, "LastPowerOutputWatts": 120}], None),
        ([{"PowerInputWatts": 810, "LastPowerOutputWatts": 740, **RATED}], 810.0),
        ([{"PowerInputWatts": 130, "LastPowerOutputWatts": 120, **RATED}], 130.0),
        ([{"Oem": {"Huawei": {"PowerInputWatts": 120, "PowerOutputWatts": 109}}}] * 2, 240.0),
        ([{"Oem": {"xFusion": {"PowerInputWatts": "120"}}}], 120.0),
        ([{"PowerInputWatts": 65535}], None),
    ],
)
def test_power_supplies_add_up_only_when_each_has_a_measured_input(
    supplies: list[dict[str, Any]], right: float | None
) -> None:
    assert supplied_watts({"PowerSupplies": supplies}) == right


def test_a_sum_above_the_capacity_is_no_power() -> None:
    power = {"PowerSupplies": [{"PowerInputWatts": 900}] * 2, "PowerControl": [{"PowerCapacityWatts": 900}]}
    assert supplied_watts(power) is None


def test_an_idle_supply_counts_where_its_output_is_zero_too() -> None:
    idle = {"InputPowerWatts": {"Reading": 0}, "OutputPowerWatts": {"Reading": 0}}
    assert taken_in(idle) == 0.0
    assert taken_in({"InputPowerWatts": {"Reading": 0}}) is None


def test_one_object_in_place_of_a_list_is_a_list_of_one() -> None:
    assert list(items({"a": 1})) == [{"a": 1}]
    assert list(items("text")) == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": NaN, "ReadingCelsius": 21}',
        b'{"a": -Infinity, "ReadingCelsius": 21}',
        b'{"a": "x\x01\ty\n", "ReadingCelsius": 21}',
        b'{"a": "\xff\xfe\x80", "ReadingCelsius": 21}',
        b'\xef\xbb\xbf{"ReadingCelsius": "21.0 C"}',
        b'{"ReadingCelsius": 21}\x00\x00',
        '{"ReadingCelsius": 21}'.encode("utf-16"),
    ],
)
def test_broken_values_cost_themselves_only(body: bytes) -> None:
    document = decode(body)
    assert document is not None
    assert celsius(document) == 21.0


@pytest.mark.parametrize(
    ("response", "why"),
    [
        (Response(200, b'{"a": }'), r"not valid JSON: .*line 1 column 7"),
        (Response(200, b"[]"), "a JSON list, not an object"),
        (Response(200, b"[" * 100_000), "nested too deeply"),
        (Response(302, b"", {"location": "https://other/login"}), "a redirect to https://other/login"),
        (Response(302, b"", {"location": "https://me:pw@other/login"}), "a redirect to https://other/login"),
        (Response(503), "answered 503"),
    ],
)
def test_an_unreadable_resource_has_its_reason(response: Response, why: str) -> None:
    assert re.search(why, unreadable(response))


def test_only_the_beginning_of_a_huge_text_or_array_is_used() -> None:
    assert len(text("a" * 100_000)) == 1024
    assert len(items([1] * 100_000)) == 4096


@pytest.mark.parametrize(
    ("part", "place"),
    [("0", 0), ("12", 12), ("", None), ("-1", None), ("\u00b2", None), ("\u0663", None), ("1" * 5000, None)],
)
def test_only_short_numbers_in_ascii_are_places_in_an_array(part: str, place: int | None) -> None:
    """Python calls other digits digits too, and refuses to read thousands of them."""
    assert index_of(part) == place
