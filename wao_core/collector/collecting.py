"""The collector as every app starts it: on a source, with the connections of the app and the installed sensors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from wao_core.cluster.source import Source
from wao_core.collector.collector import Collector
from wao_core.collector.endpoints import Endpoints
from wao_core.collector.poller import Observe
from wao_core.collector.readers import SensorReaders
from wao_core.collector.sensors import identify
from wao_core.collector.store import SampleStore


@asynccontextmanager
async def collecting(
    source: Source,
    store: SampleStore,
    endpoints: Endpoints,
    *,
    observe: Observe = lambda _attempt: None,
) -> AsyncIterator[Collector]:
    """Collect the metrics of the source's NodeConfigs into `store`, until the end of the `async with`.

    Parameters
    ----------
    endpoints
        Opens the connections to sensors.
    observe
        Called after every attempt.
    """
    known = partial(identify, nodes=source.state.nodes)
    make_reader = SensorReaders(endpoints).reader
    async with Collector(source.state, store, make_reader, identify=known, observe=observe) as collector:
        yield collector
