"""No exception of another library leaves a public function, whatever it is given."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wao_predict
from wao_predict import Fleet, PowerCurve, PowerCurveBackend, PowerCurves, WaoPredictError, load_predictor, simulate

CURVE = "curve:0=60,50=100,100=120"
WARM = load_predictor("curve:0=60,100=120", inlet_percent=0.4)
CURVES = PowerCurves(np.array([0.0, 50.0, 100.0]), np.array([[60.0, 100.0, 120.0], [50.0, 60.0, 70.0]]))

FLEET = Fleet(("a", "b"), CURVES, np.array([8.0, 16.0]), np.array([1.0, 2.0]))

numbers = st.one_of(
    st.floats(), st.integers(-(10**6), 10**6), st.sampled_from([math.nan, math.inf, -math.inf, 0, -1, 10**30])
)
scalars = st.one_of(numbers, st.none(), st.booleans(), st.text(max_size=8), st.just(datetime(2026, 1, 1)), st.just(1j))
lists = st.one_of(st.lists(scalars, max_size=4), st.lists(st.lists(scalars, max_size=3), max_size=3))
names = st.sampled_from(
    ["cpu_usage", "inlet_temp", "delta_p", "watts", "name", "model", "capacity_cores", "usage_cores"]
)
tables = st.dictionaries(st.one_of(names, st.text(max_size=5)), st.one_of(scalars, lists), max_size=5)
anything = st.one_of(scalars, lists, tables, st.lists(tables, max_size=3), st.just(object()), st.just({1: 2}))
sources = st.one_of(
    st.text(max_size=20), st.text(max_size=12).map("curve:".__add__), st.text(max_size=12).map("specpower:".__add__)
)

FUNCTIONS: dict[str, tuple[Callable[..., object], st.SearchStrategy[tuple[Any, ...]]]] = {
    "predict": (load_predictor(CURVE).predict, st.tuples(anything)),
    "as_matrix": (wao_predict.as_matrix, st.tuples(anything)),
    "Fleet.from_table": (Fleet.from_table, st.tuples(st.one_of(anything.filter(lambda x: not isinstance(x, str))))),
    "Fleet": (
        lambda capacity, usage: Fleet(("a", "b"), CURVES, capacity, usage),
        st.tuples(st.one_of(scalars, lists), st.one_of(scalars, lists)),
    ),
    "what_if": (
        lambda capacity, usage, cores, n: wao_predict.what_if(CURVES, capacity, usage, cores=cores, n=n),
        st.tuples(st.one_of(scalars, lists), lists, scalars, st.one_of(st.integers(-5, 50), scalars)),
    ),
    "PowerCurves": (PowerCurves, st.tuples(st.one_of(scalars, lists), st.one_of(scalars, lists))),
    "PowerCurve": (PowerCurve, st.tuples(st.one_of(scalars, lists), st.one_of(scalars, lists))),
    "monotone": (wao_predict.monotone, st.tuples(st.one_of(scalars, lists))),
    "PowerCurveBackend": (PowerCurveBackend, st.tuples(anything)),
    "coefficient_curve": (wao_predict.coefficient_curve, st.tuples(anything, anything)),
    "load_predictor": (load_predictor, st.tuples(sources)),
    "curves_of_models": (
        wao_predict.curves_of_models,
        st.tuples(st.just([CURVE, CURVE]), st.one_of(scalars, lists), st.one_of(scalars, lists)),
    ),
    "watt_increase": (
        lambda usage, cores: wao_predict.watt_increase(CURVES, usage, cores),
        st.tuples(st.one_of(scalars, lists), st.one_of(scalars, lists)),
    ),
    "model_path": (wao_predict.model_path, st.tuples(sources)),
    "Trace.of": (simulate.Trace.of, st.tuples(lists, lists, lists)),
    "daily_trace": (lambda cores, load: simulate.daily_trace(cores, load=load, pods=5), st.tuples(scalars, scalars)),
    "Predictor": (wao_predict.Predictor, st.tuples(anything)),
    "predict with an interval": (
        lambda level: load_predictor(CURVE).predict([[1.0]], interval=level),
        st.tuples(scalars),
    ),
    "AsyncPredictor": (wao_predict.AsyncPredictor, st.tuples(anything)),
    "load_async_predictor": (wao_predict.load_async_predictor, st.tuples(sources)),
    "power_curves": (
        lambda inlet, pressure, knots: wao_predict.power_curves(WARM, inlet, pressure, knots=knots),
        st.tuples(st.one_of(scalars, lists), st.one_of(scalars, lists), st.one_of(scalars, lists)),
    ),
    "PowerCurveDisplay": (
        lambda inlet, pressure, knots: wao_predict.PowerCurveDisplay.from_predictor(
            WARM, inlet_temp=inlet, delta_p=pressure, knots=knots
        ),
        st.tuples(scalars, scalars, st.one_of(scalars, lists)),
    ),
    "PowerCurve.at": (
        lambda load: PowerCurve.from_watts([0, 100], [1, 2]).at(load),
        st.tuples(st.one_of(scalars, lists)),
    ),
    "IncreaseTable": (
        lambda usage, cores: wao_predict.IncreaseTable(CURVES).increase(usage, cores),
        st.tuples(st.one_of(scalars, lists), st.one_of(scalars, lists)),
    ),
    "FeatureRanges": (
        lambda ranges: wao_predict.FeatureRanges(**ranges),
        st.tuples(st.dictionaries(names, st.one_of(scalars, lists), max_size=3)),
    ),
    "Fleet.what_if": (lambda cores, n: FLEET.what_if(cores, n), st.tuples(scalars, scalars)),
    "Fleet.with_usage": (FLEET.with_usage, st.tuples(st.one_of(scalars, lists))),
    "simulate": (
        lambda cores, count, policies: simulate.simulate(FLEET, cores, count, policies),
        st.tuples(scalars, st.one_of(st.integers(-5, 50), scalars), st.lists(st.text(max_size=9), max_size=2)),
    ),
    "Prices": (simulate.Prices, st.tuples(scalars, scalars, scalars)),
    "HttpOptions": (wao_predict.HttpOptions, st.tuples(scalars, scalars, scalars)),
    "TlsPolicy": (lambda text: wao_predict.TlsPolicy(ca_data=text, fingerprint=text), st.tuples(st.text(max_size=20))),
    "Credentials": (wao_predict.Credentials, st.tuples(scalars, scalars)),
    "Connection": (
        lambda timeout: wao_predict.Connection(options=wao_predict.HttpOptions(timeout=timeout)),
        st.tuples(scalars),
    ),
    "list_models": (wao_predict.list_models, st.just(())),
}
RESULTS = {"ModelInfo", "PlacementDisplay", "Prediction", "WhatIf"}
"""What functions return: nobody makes one from input."""


@pytest.mark.parametrize("name", FUNCTIONS)
def test_input_that_cannot_be_used_is_refused_by_an_error_of_ours(name: str) -> None:
    function, arguments = FUNCTIONS[name]

    @settings(max_examples=60, deadline=None)
    @given(arguments)
    def call(given_arguments: tuple[Any, ...]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wao_predict.OutOfRangeWarning)
            with contextlib.suppress(WaoPredictError):
                function(*given_arguments)

    call()


def test_every_public_function_and_class_is_called_with_random_input() -> None:
    public = {name: getattr(wao_predict, name) for name in wao_predict.__all__}
    made = {name for name, value in public.items() if callable(value) and not _is_error(value)} - RESULTS
    assert made - {name.partition(".")[0] for name in FUNCTIONS} == set()


def _is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Exception)
