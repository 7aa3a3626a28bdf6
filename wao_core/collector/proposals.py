"""Proposes power models for nodes that have none: server types that resemble what the BMC states about the server.

A proposal is a condition of the NodeConfig and an Event. Nothing is chosen: a person sets the model.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from wao_core.cluster.records import NodeConfig
from wao_core.cluster.source import Source
from wao_core.collector.endpoints import Endpoints
from wao_core.conditions import Condition
from wao_core.crds.status_writer import reference
from wao_predict.connection import TlsPolicy, base_of
from wao_predict.endpoint import Endpoint
from wao_predict.errors import WaoError, summary
from wao_predict.flow import arun
from wao_predict.models.matching import Candidate, Hardware, candidates
from wao_predict.redfish.hardware import read_hardware

CONDITION = "ModelProposed"
"""Type of the condition; it exists only while the NodeConfig names no model."""
EVENT = "ModelProposed"
LOOK_EVERY = 30.0
"""Seconds between two searches for NodeConfigs without a model."""
READ_AGAIN, RETRY = 24 * 3600.0, 600.0
"""Seconds until a BMC is read again, and until it is read again after a failure."""
AT_ONCE = 4
"""BMCs that are read at a time, so that proposals do not delay readings of sensors."""
REQUEST_TIME, READ_TIME = 10.0, 90.0
"""Limits for one request and for all requests to one BMC [s]."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is known about the server of a node.

    Attributes
    ----------
    hardware
        The hardware, None if the BMC could not be read.
    found
        Server types that resemble it, best first.
    problem
        Why the BMC could not be read, or an empty string.
    """

    hardware: Hardware | None = None
    found: tuple[Candidate, ...] = ()
    problem: str = ""


class _Bmc(NamedTuple):
    """What makes two NodeConfigs describe the same server."""

    url: str
    secret: str
    tls: TlsPolicy
    system: str


ReadHardware = Callable[[Endpoint], Awaitable[Hardware]]


class ModelProposals:
    """Reads the hardware behind NodeConfigs that name no model. `run` never returns.

    Parameters
    ----------
    source
        The NodeConfigs; receives the Events.
    read
        Reads the hardware behind an endpoint of type Redfish; raises `WaoError`. See `hardware_reader`.
    clock
        Seconds.
    """

    def __init__(self, source: Source, read: ReadHardware, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._source, self._read, self._clock = source, read, clock
        self._proposals: dict[_Bmc, Proposal] = {}
        self._due: dict[_Bmc, float] = {}

    async def run(self) -> None:
        """Look for NodeConfigs without a model, until it is cancelled."""
        while True:
            try:
                await self.look()
            except Exception:
                _log.exception("no models are proposed")
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Read the BMCs that are due, and send an Event for each NodeConfig that gets its first candidates."""
        wanted: dict[_Bmc, list[tuple[NodeConfig, Endpoint]]] = {}
        for config, endpoint in self._without_model():
            wanted.setdefault(_bmc_of(endpoint), []).append((config, endpoint))
        for held in (self._proposals, self._due):
            for bmc in held.keys() - wanted.keys():
                del held[bmc]
        limit = asyncio.Semaphore(AT_ONCE)
        due = [bmc for bmc in wanted if self._clock() >= self._due.get(bmc, 0.0)]
        await asyncio.gather(*(self._renew(bmc, wanted[bmc], limit) for bmc in due))

    def condition(self, config: NodeConfig) -> Condition | None:
        """Return the condition of a NodeConfig; None if it names a model, or no BMC that could be read."""
        endpoint = bmc_of(config)
        if endpoint is None:
            return None
        proposal = self._proposals.get(_bmc_of(endpoint))
        status, reason, message = "Unknown", "Waiting", "the hardware has not been read yet"
        if proposal is not None and proposal.hardware is None:
            status, reason, message = "Unknown", "Unreadable", f"the hardware cannot be read: {proposal.problem}"
        elif proposal is not None:
            status, reason = ("True", "Candidates") if proposal.found else ("False", "NoCandidate")
            message = text_of(proposal)
        return Condition(CONDITION, status, reason, message, config.generation)

    def _without_model(self) -> Iterator[tuple[NodeConfig, Endpoint]]:
        for config in self._source.state.node_configs.values():
            endpoint = bmc_of(config)
            if endpoint is not None:
                yield config, endpoint

    async def _renew(self, bmc: _Bmc, users: list[tuple[NodeConfig, Endpoint]], limit: asyncio.Semaphore) -> None:
        before = self._proposals.get(bmc)
        async with limit:
            proposal = await self._proposal(users[0][1])
        self._due[bmc] = self._clock() + (RETRY if proposal.hardware is None else READ_AGAIN)
        if proposal.hardware is None and before is not None and before.hardware is not None:
            return  # what was read before is still valid
        self._proposals[bmc] = proposal
        if proposal.found and (before is None or not before.found):
            for config, _ in users:
                about = reference("NodeConfig", config)
                await self._source.event(about, reason=EVENT, message=text_of(proposal))

    async def _proposal(self, endpoint: Endpoint) -> Proposal:
        try:
            async with asyncio.timeout(READ_TIME):
                hardware = await self._read(endpoint)
        except WaoError as error:
            return Proposal(problem=summary(error))
        except TimeoutError:
            return Proposal(problem=f"no answer within {READ_TIME:g} s")
        return Proposal(hardware, tuple(candidates(hardware, n=3)))


def bmc_of(config: NodeConfig) -> Endpoint | None:
    """Return the Redfish endpoint of a NodeConfig that names no model, else None."""
    if config.power_consumption is not None or config.endpoint_provider is not None:
        return None
    terms = (config.metrics.get(name) for name in ("inlet_temp", "power_watts"))
    return next((term.endpoint for term in terms if term is not None and term.endpoint.type == "Redfish"), None)


def text_of(proposal: Proposal) -> str:
    """Return a proposal as a text for people."""
    hardware = proposal.hardware or Hardware()
    server = " ".join(part for part in (hardware.vendor, hardware.model) if part) or "this server"
    chips = "" if hardware.chips is None else f"{hardware.chips} x "
    named = f"{server} with {chips}{hardware.processor}" if hardware.processor else f"{server}, of an unknown processor"
    if not proposal.found:
        return (
            f"The NodeConfig names no model, and no server type resembles {named}. Measure the server, or give a "
            "PowerCurve with points."
        )
    listed = "; ".join(f"specpower:{item.server.name} ({item.reason})" for item in proposal.found)
    return (
        f"The NodeConfig names no model. {named} resembles {listed}. To use one, set predictor.powerConsumption to the "
        "type PowerCurve with this endpoint."
    )


def hardware_reader(endpoints: Endpoints) -> ReadHardware:
    """Return what reads the hardware behind an endpoint, through the connections of the sensors."""

    async def read(endpoint: Endpoint) -> Hardware:
        transport = endpoints.connect(endpoint, base_of(endpoint.url), concurrency=1, timeout=REQUEST_TIME)
        try:
            return await arun(read_hardware(_system_of(endpoint) or None), transport)
        finally:
            transport.release()

    return read


def _bmc_of(endpoint: Endpoint) -> _Bmc:
    return _Bmc(endpoint.url, endpoint.secret, endpoint.tls, _system_of(endpoint))


def _system_of(endpoint: Endpoint) -> str:
    return endpoint.options.mapping("sensor").text("system") or ""
