"""Sensors and backends by the name of their type, found through entry points.

`wao_predict.endpoint` describes what a plug-in has to provide.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, cast

from wao_predict.endpoint import Endpoint, EndpointContext
from wao_predict.errors import BackendNotFound, UsageError, WaoError

if TYPE_CHECKING:
    from wao_predict.backends.base import Backend
    from wao_predict.sensors.base import Sensor

BACKENDS = "wao_predict.backends"
SENSORS = "wao_predict.sensors"
CONCURRENCY = 8
"""Requests at a time to the server of a plug-in that does not state a number."""


@cache
def _installed(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=group)}


def backend_types() -> list[str]:
    """Return the names of the installed backends."""
    return sorted(_installed(BACKENDS))


def sensor_types() -> list[str]:
    """Return the names of the installed sensors."""
    return sorted(_installed(SENSORS))


def backend_type(name: str) -> Any:
    """Return the class of a backend and load it if necessary; raises `BackendNotFound`, which lists the installed."""
    return _load(BACKENDS, "backend", name)


def sensor_type(name: str) -> Any:
    """Return the class of a sensor and load it if necessary; raises `BackendNotFound`, which lists the installed."""
    return _load(SENSORS, "sensor", name)


def open_sensor(endpoint: Endpoint, context: EndpointContext) -> Sensor:
    """Return the sensor of an endpoint.

    Raises
    ------
    BackendNotFound
        No sensor of this type is installed.
    WaoError
        The endpoint cannot be used with it.
    """
    return cast("Sensor", _open(sensor_type(endpoint.type), "sensor", endpoint, context))


def open_backend(endpoint: Endpoint, context: EndpointContext) -> Backend:
    """Return the backend of an endpoint; errors as `open_sensor`."""
    return cast("Backend", _open(backend_type(endpoint.type), "backend", endpoint, context))


def node_inputs(endpoint: Endpoint) -> frozenset[str]:
    """Return which properties of the node a sensor's reading depends on: a subset of "name" and "address"."""
    try:
        stated = getattr(sensor_type(endpoint.type), "node_inputs", None)
        return frozenset({"name"}) if stated is None else frozenset(stated(endpoint))
    except Exception:  # opening the sensor reports the problem
        return frozenset({"name"})


def concurrency(plugin: object) -> int:
    """Return how many requests at a time the server of a sensor or backend can take."""
    stated = getattr(plugin, "concurrency", CONCURRENCY)
    return stated if isinstance(stated, int) and stated > 0 else CONCURRENCY


def _open(plugin: Any, what: str, endpoint: Endpoint, context: EndpointContext) -> object:
    make = getattr(plugin, "from_endpoint", None)
    if make is None:
        raise UsageError(f"the {what} of type {endpoint.type!r:.60} has no class method from_endpoint")
    try:
        made: object = make(endpoint, context)
    except WaoError:
        raise
    except Exception as error:  # a fault of a plug-in is a problem of its endpoints only
        raise UsageError(
            f"a {what} of type {endpoint.type!r:.60} cannot be made from this endpoint: {error}"
        ) from error
    return made


@cache
def _load(group: str, what: str, name: str) -> Any:
    point = _installed(group).get(name)
    if point is None:
        known = ", ".join(sorted(_installed(group))) or "none"
        raise BackendNotFound(
            f"no {what} of type {name!r:.60}; installed: {known}. A plug-in adds one with the entry point {group}"
        )
    return point.load()
