"""Backends and sensors by the name of their CRD `type`, found through entry points; ours come in by the same door."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from wao_predict.errors import BackendNotFound

BACKENDS = "wao_predict.backends"
SENSORS = "wao_predict.sensors"


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
    """Return the class of a backend, loaded now; raises `BackendNotFound` with what is installed."""
    return _load(BACKENDS, "backend", name)


def sensor_type(name: str) -> Any:
    """Return the class of a sensor, loaded now; raises `BackendNotFound` with what is installed."""
    return _load(SENSORS, "sensor", name)


def _load(group: str, what: str, name: str) -> Any:
    point = _installed(group).get(name)
    if point is None:
        known = ", ".join(sorted(_installed(group))) or "none"
        raise BackendNotFound(
            f"no {what} of type {name!r:.60}; installed: {known}. A plug-in adds one by entry point {group}"
        )
    return point.load()
