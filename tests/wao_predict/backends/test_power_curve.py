"""Models of load only: points, server types, coefficients, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_predict import PowerCurve, load_predictor
from wao_predict.backends.power_curve import PowerCurveBackend, coefficient_curve
from wao_predict.endpoint import Endpoint, EndpointContext, Options
from wao_predict.errors import FeatureError, ModelLoadError, OutOfRangeWarning, UsageError, WaoError
from wao_predict.models.specpower import LOADS, server_types
from wao_predict.plugins import open_backend

POINTS = {0.0: 60.0, 50.0: 100.0, 100.0: 120.0}


def test_power_is_linear_between_the_points_and_needs_no_sensor() -> None:
    model = load_predictor("curve:0=60 50=100 100=120")
    assert model.features == ("cpu_usage",)
    assert model.predict({"cpu_usage": [0, 25, 75]}).tolist() == [60.0, 80.0, 110.0]
    curve = PowerCurve.from_predictor(model)
    assert (curve.knots.tolist(), curve.watts.tolist()) == ([0.0, 50.0, 100.0], [60.0, 100.0, 120.0])


def test_loads_beyond_the_points_have_the_power_of_the_nearest_one() -> None:
    model = load_predictor("curve:10=60,90=120")
    with pytest.warns(OutOfRangeWarning, match="cpu_usage of 0 % in row 0 and 1 other row are outside 10 to 90 %"):
        assert model.predict([[0], [100]]).tolist() == [60.0, 120.0]


def test_every_server_type_gives_its_eleven_points() -> None:
    loads = np.array(LOADS, dtype=np.float64).reshape(-1, 1)
    for server in server_types():
        assert load_predictor(f"specpower:{server.name}").predict(loads).tolist() == list(server.watts)


def test_a_csv_file_of_points_is_a_model(tmp_path: Path) -> None:
    file = tmp_path / "r740.csv"
    file.write_text("Watts,load\n60,0\n120,100\n100,50\n")
    model = load_predictor(file)
    assert model.name == "r740"
    assert model.predict([[25]]).tolist() == [80.0]
    file.write_text("cpu_usage,watts\n0,60\n0,61\n")
    with pytest.raises(FeatureError, match=r"r740\.csv: load 0 % of the power curve occurs twice"):
        load_predictor(file)


def test_a_node_config_names_a_curve_by_points_or_by_server_type() -> None:
    points = [{"cpuUsage": 0, "watts": 60}, {"cpuUsage": 100, "watts": 120}]
    by_points = open_backend(Endpoint("PowerCurve", options=Options({"points": points})), EndpointContext())
    assert by_points.predict(np.array([[50.0]])).tolist() == [90.0]  # type: ignore[union-attr]
    by_name = open_backend(Endpoint("PowerCurve", "specpower:intel_xeon_gold_6338n"), EndpointContext())
    assert by_name.predict(np.array([[0.0]])).tolist() == [126.4]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        (Endpoint("PowerCurve"), "give specpower:NAME"),
        (Endpoint("PowerCurve", "/etc/passwd"), "give specpower:NAME"),
        (Endpoint("PowerCurve", "curve:0=1", options=Options({"points": [1]})), "both an endpoint and points"),
        (Endpoint("PowerCurve", options=Options({"points": [1, 2]})), "cpuUsage"),
        (Endpoint("PowerCurve", options=Options({"points": [{"cpuUsage": 0, "watts": "x"}]})), "must be numbers"),
        (Endpoint("PowerCurve", options=Options({"points": []})), "0 points"),
    ],
    ids=lambda value: value.label if isinstance(value, Endpoint) else None,
)
def test_an_endpoint_that_is_no_curve_is_refused(endpoint: Endpoint, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        open_backend(endpoint, EndpointContext())


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ({}, "0 points: give 2"),
        ({0: 60}, "1 points: give 2"),
        ({0: 60, 101: 90}, "load 101"),
        ({-1: 60, 100: 90}, "load -1"),
        ({0: 0, 100: 90}, "0 W at load 0 %"),
        ({0: 60, 100: float("inf")}, "inf W"),
        ({0: 60, 100: float("nan")}, "nan W"),
        ({float("nan"): 60, 100: 70}, "load nan"),
        ([(0, 60), (0.0, 61), (5, 70)], "occurs twice"),
        ([(0, "many"), (5, 70)], "both numbers"),
        ([1, 2], "both numbers"),
    ],
    ids=str,
)
def test_points_that_are_no_curve_are_refused(points: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        PowerCurveBackend(points)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "source", ["curve:", "curve:0", "curve:a=b c=d", "specpower:", "specpower:nonesuch", "curve:0=1e999 1=2"]
)
def test_a_source_that_names_no_curve_is_refused(source: str) -> None:
    with pytest.raises((UsageError, ModelLoadError), match=r"curve|SPECpower|W at load"):
        load_predictor(source)


@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=6))
def test_any_points_give_a_curve_or_an_error_of_ours(points: list[tuple[float, float]]) -> None:
    try:
        model = PowerCurveBackend(points)
    except WaoError:
        return
    watts = model.predict(np.array([[0.0], [33.0], [100.0]]))
    assert watts.min() >= min(power for _, power in points)
    assert watts.max() <= max(power for _, power in points)


@pytest.mark.parametrize(
    ("form", "coefficients", "watts"),
    [
        ("linear", [100.0, 50.0], [100.0, 125.0, 150.0]),
        ("polynomial", [100.0, 40.0, 20.0], [100.0, 125.0, 160.0]),
        ("exponential", [10.0, 2.0, 90.0], [100.0, 90 + 10 * np.e, 90 + 10 * np.e**2]),
        ("logistic", [100.0, 4.0, 0.5, 50.0], [50 + 100 / (1 + np.e**2), 100.0, 50 + 100 / (1 + np.e**-2)]),
    ],
)
def test_coefficients_of_the_usual_functions_give_a_curve(
    form: str, coefficients: list[float], watts: list[float]
) -> None:
    model = coefficient_curve(form, coefficients)
    assert model.predict(np.array([[0.0], [50.0], [100.0]])) == pytest.approx(watts)


@pytest.mark.parametrize(
    ("form", "coefficients", "message"),
    [
        ("cubic", [1.0], "form 'cubic' is unknown: use linear"),
        ("linear", [1.0], "1 coefficients for the form linear: give 2"),
        ("polynomial", [1.0], "give 2 to 8"),
        ("logistic", [1.0, 2.0, 3.0, float("nan")], "give 4 finite"),
        ("exponential", [1.0, 1e6, 0.0], "inf W"),
        ("linear", [-100.0, 50.0], "-100 W at load 0 %"),
    ],
)
def test_coefficients_that_give_no_power_are_refused(form: str, coefficients: list[float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        coefficient_curve(form, coefficients)


WARM_CURVE = "specpower:amd_epyc_7763-64c"


def test_a_fan_assumption_adds_power_in_warm_air_only() -> None:
    cool = load_predictor(WARM_CURVE)
    warm = load_predictor(WARM_CURVE, inlet_percent=0.4)
    base = cool.predict({"cpu_usage": [40.0]})[0]
    watts = warm.predict({"cpu_usage": 40.0, "inlet_temp": [15.0, 23.0, 25.0, 30.0, 40.0]})
    assert watts / base == pytest.approx([1.0, 1.0, 1.008, 1.028, 1.028])
    assert warm.features == ("cpu_usage", "inlet_temp")
    assert "assumption: 0.4 % per degC" in warm.backend.source  # type: ignore[union-attr]


def test_a_fan_assumption_is_given_by_an_option_or_a_fragment() -> None:
    row = {"cpu_usage": [40.0], "inlet_temp": [30.0]}
    expected = load_predictor(WARM_CURVE, inlet_percent=0.4).predict(row)
    assert load_predictor(f"{WARM_CURVE}#inletPercent=0.4").predict(row) == pytest.approx(expected)
    options = Options({"options": {"inletPercent": "0.4"}})
    backend = open_backend(Endpoint("PowerCurve", WARM_CURVE, options=options), EndpointContext())
    assert isinstance(backend, PowerCurveBackend)
    assert backend.predict(np.array([[40.0, 30.0]])) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (f"{WARM_CURVE}#inletPercent=much", "'much' is not a number"),
        (f"{WARM_CURVE}#inletPercent=9", "give 0 to 5"),
        (f"{WARM_CURVE}#inletPercent=nan", "give 0 to 5"),
        (f"{WARM_CURVE}#fans=1", "write inletPercent=0.4"),
    ],
)
def test_a_fan_assumption_that_is_not_usable_is_refused(source: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_predictor(source)
