"""The contract of plug-ins, and what becomes of endpoints that the installed ones cannot use."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_predict.backends.base import LocalBackend, RemoteBackend
from wao_predict.connection import TlsPolicy
from wao_predict.endpoint import Endpoint, EndpointContext, Options
from wao_predict.errors import BackendNotFound, UsageError, WaoError
from wao_predict.plugins import (
    CONCURRENCY,
    backend_type,
    backend_types,
    concurrency,
    node_inputs,
    open_backend,
    open_sensor,
    sensor_types,
)

options = st.dictionaries(
    st.sampled_from(["value", "query", "sensor"]),
    st.text() | st.floats() | st.dictionaries(st.sampled_from(["uri", "name"]), st.text()) | st.none(),
)


def test_the_plug_ins_of_the_package_are_installed() -> None:
    assert {"Fake", "Redfish", "DifferentialPressureAPI", "Prometheus"} <= set(sensor_types())
    assert {"Fake", "Onnx", "V2InferenceProtocol", "Redfish"} <= set(backend_types())


@given(st.sampled_from(sensor_types()), st.text() | st.just("http://[::1"), options, st.text())
def test_any_text_in_an_endpoint_makes_a_sensor_or_an_error_of_ours(
    type_: str, url: str, given_: dict[str, object], metric: str
) -> None:
    endpoint = Endpoint(type_, url, options=Options(given_))
    assert node_inputs(endpoint) <= {"name", "address"}
    for wanted in (metric, "inlet_temp", "delta_p"):
        try:
            sensor = open_sensor(endpoint, EndpointContext(metric=wanted, node_name="n", node_address="10.0.0.1"))
        except WaoError:
            continue
        assert isinstance(sensor.base_url, str)


@given(st.sampled_from(backend_types()), st.text() | st.just("http://[::1"), options)
def test_any_text_in_an_endpoint_makes_a_backend_or_an_error_of_ours(
    type_: str, url: str, given_: dict[str, object]
) -> None:
    try:
        backend = open_backend(Endpoint(type_, url, options=Options(given_)), EndpointContext())
    except WaoError:
        return
    assert isinstance(backend, LocalBackend | RemoteBackend)


def test_a_type_that_is_not_installed_is_reported_with_those_that_are() -> None:
    with pytest.raises(BackendNotFound, match=r"no sensor of type 'Nope'; installed: .*Redfish"):
        open_sensor(Endpoint("Nope"), EndpointContext())
    with pytest.raises(BackendNotFound, match=r"no backend of type 'Nope'; installed: .*Onnx"):
        backend_type("Nope")
    assert node_inputs(Endpoint("Nope")) == {"name"}


@pytest.mark.parametrize("value", ["5", True, float("nan")])
def test_a_constant_that_is_no_number_is_refused(value: object) -> None:
    endpoint = Endpoint("Fake", options=Options({"value": value}))
    if isinstance(value, float):
        assert open_sensor(endpoint, EndpointContext(metric="inlet_temp"))  # refused when it is read
        return
    with pytest.raises(UsageError, match="is not a number"):
        open_sensor(endpoint, EndpointContext(metric="inlet_temp"))
    with pytest.raises(UsageError, match="is not a number"):
        open_backend(endpoint, EndpointContext())


def test_a_bmc_gets_one_request_at_a_time() -> None:
    context = EndpointContext(metric="inlet_temp")
    assert concurrency(open_sensor(Endpoint("Redfish", "https://bmc"), context)) == 1
    assert concurrency(open_backend(Endpoint("Redfish", "https://bmc"), context)) == 1
    assert concurrency(open_backend(Endpoint("V2InferenceProtocol", "https://m/v2/models/m"), context)) == CONCURRENCY
    assert TlsPolicy() == Endpoint("Redfish").tls
