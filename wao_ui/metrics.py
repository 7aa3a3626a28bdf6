"""Prometheus metrics of the page."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge, Histogram

_PICTURE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


def open_pages(registry: CollectorRegistry, count: Callable[[], float]) -> None:
    """Export the number of open pages."""
    Gauge("wao_ui_viewers", "Pages that are open.", registry=registry).set_function(count)


def picture_duration(registry: CollectorRegistry) -> Histogram:
    """Return the histogram of the duration of pictures, for the `drawn` of a poller."""
    return Histogram(
        "wao_ui_picture_duration_seconds",
        "Duration of making a picture of the cluster, without reading the sources.",
        buckets=_PICTURE_SECONDS,
        registry=registry,
    )
