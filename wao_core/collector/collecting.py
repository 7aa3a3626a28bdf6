"""The collector as every app starts it: on a source, with one session, and the sensors that are installed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial

from wao_core.cluster.source import Source
from wao_core.collector.addresses import AddressRule
from wao_core.collector.collector import Collector
from wao_core.collector.poller import Observe
from wao_core.collector.readers import SensorReaders
from wao_core.collector.secrets import SecretBook
from wao_core.collector.sensors import build_sensor, identify
from wao_core.collector.store import SampleStore
from wao_core.collector.transport import PollingSession


@asynccontextmanager
async def collecting(
    source: Source,
    store: SampleStore,
    *,
    networks: Iterable[str] = (),
    loopback: bool = True,
    observe: Observe = lambda _spec, _seconds, _kind: None,
) -> AsyncIterator[Collector]:
    """Collect what the source's NodeConfigs ask for into `store`, until the end of the `async with`.

    Parameters
    ----------
    networks
        Networks that sensors may be in, such as "10.1.0.0/16"; none allows all but link-local.
    loopback
        Whether sensors may be on this machine.
    observe
        Told of every attempt: the sensor, seconds, and "" or the kind of failure.

    Raises
    ------
    UsageError
        A network cannot be read.
    """
    session = PollingSession(AddressRule.of(networks, loopback=loopback))
    readers = SensorReaders(session, SecretBook(source), build=build_sensor)
    try:
        known = partial(identify, nodes=source.state.nodes)
        async with Collector(source.state, store, readers, identify=known, observe=observe) as collector:
            yield collector
    finally:
        await session.close()
