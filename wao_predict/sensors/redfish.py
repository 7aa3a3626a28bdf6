"""Read the inlet temperature or the measured power of a server from its BMC."""

from __future__ import annotations

import time
from collections.abc import Callable, MutableMapping

from wao_predict.connection import base_of
from wao_predict.endpoint import Endpoint, EndpointContext
from wao_predict.errors import RemoteError, RemoteTimeout, SensorError, UsageError, WaoPredictError
from wao_predict.flow import Flow
from wao_predict.redfish.bmc import ATTEMPT, BmcDiscovery
from wao_predict.redfish.choice import SensorChoice
from wao_predict.redfish.discovery import Discovery
from wao_predict.redfish.explorer import Bounds, Explorer, safe_path
from wao_predict.redfish.named import find_named
from wao_predict.redfish.poll import Quantity, SensorMoved, read_choice
from wao_predict.sensors.base import Reading

MINIMUM_CONFIDENCE = 0.5
"""A sensor found with less confidence is refused: name it in the NodeConfig instead."""


class RedfishSensor:
    """One quantity of one BMC: discovers the resource once, then polls its URI.

    Parameters
    ----------
    endpoint
        https://host[:port] of the BMC.
    metric
        `inlet_temp` [degC] or `power_watts` [W].
    uri, name
        The sensor, where discovery cannot find it. A URI may end in "#/Temperatures/3". A name alone is searched for.
    system
        The node's System where the BMC has several: its path, id, name or UUID.
    bounds
        Limits of one attempt at discovery.
    clock
        Returns seconds of a monotonic clock.
    """

    concurrency = 1  # BMCs are slow: one request at a time

    def __init__(
        self,
        endpoint: str,
        metric: Quantity = "inlet_temp",
        *,
        uri: str | None = None,
        name: str | None = None,
        system: str | None = None,
        bounds: Bounds | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.base_url = base_of(endpoint)
        self.metric: Quantity = metric
        self._override, self._name = _override(uri, name), name
        self._explorer = Explorer(bounds or ATTEMPT, clock)  # of the search for a name
        self._bmc = BmcDiscovery(system=system, bounds=bounds, clock=clock)
        self._bmc.want(metric)
        self.discovery: Discovery | None = None
        self.choice: SensorChoice | None = self._override

    @classmethod
    def from_endpoint(cls, endpoint: Endpoint, context: EndpointContext) -> RedfishSensor:
        """Return the sensor of the BMC at the endpoint's URL.

        The option `sensor` may have the `uri` and `name` of the sensor, and the `system` that is the node.
        """
        match context.metric:
            case "inlet_temp" | "power_watts" as metric:
                named = endpoint.options.mapping("sensor")
                uri, name, system = (named.text(key) or None for key in ("uri", "name", "system"))
                return cls(endpoint.url, metric, uri=uri, name=name, system=system)
        raise UsageError(f"a sensor of type Redfish cannot read {context.metric}, only inlet_temp and power_watts")

    @classmethod
    def node_inputs(cls, endpoint: Endpoint) -> frozenset[str]:
        """Return nothing: the BMC is the node's."""
        return frozenset()

    def share(self, state: MutableMapping[str, object]) -> None:
        """Use the discovery of the other sensors of this BMC; `state` is theirs in common."""
        shared = state.setdefault(f"discovery of {self._bmc.system or ''}", self._bmc)
        if isinstance(shared, BmcDiscovery):
            self._bmc = shared
            self._bmc.want(self.metric)

    def flow(self) -> Flow[Reading]:
        """Return one reading. Discovery precedes the first reading, and runs again when the sensor has moved."""
        if self._bmc.due(self.discovery):
            yield from self._renew()
        outdated = None
        if self.choice is not None:
            try:
                reading = yield from read_choice(self.choice, self.metric)
            except SensorMoved:
                if self._override is not None:
                    raise
                self.choice, outdated = None, self.discovery
            else:
                return reading
        self.choice = yield from self._discover(outdated)
        reading = yield from read_choice(self.choice, self.metric)
        return reading

    def _renew(self) -> Flow[None]:
        """Repeat a discovery that had faults; the sensor stays as it is when the BMC cannot be read."""
        try:
            self.choice = yield from self._discover(self.discovery)
        except SensorError:
            self.choice = None
            raise
        except RemoteError as error:
            if error.status_code in (401, 403):
                raise

    def _discover(self, outdated: Discovery | None) -> Flow[SensorChoice]:
        if self._name:
            found = yield from self._look_for(self._name)
            return found
        self.discovery = yield from self._bmc.find(self.metric, outdated=outdated)
        choice = self.discovery.inlet if self.metric == "inlet_temp" else self.discovery.power
        if choice is not None and choice.confidence >= MINIMUM_CONFIDENCE:
            return choice
        raise _nothing_found(self.base_url, self.metric, choice, self.discovery)

    def _look_for(self, name: str) -> Flow[SensorChoice]:
        self._explorer.resume()
        found = yield from find_named(name, self.metric, system=self._bmc.system, explorer=self._explorer)
        if found.choice is None and found.transient is not None:
            raise _not_yet(self.base_url, f"the sensor {name!r:.80}", found.transient)
        self._explorer.forget()
        if found.choice is None:
            there = ", ".join(sorted(set(found.seen)))[:300] or "none"
            reason = found.reason or f"there are {there}"
            raise SensorError(f"{self.base_url} has no sensor {name!r:.80} with a value; {reason}")
        return found.choice


def _nothing_found(base_url: str, metric: Quantity, choice: SensorChoice | None, found: Discovery) -> WaoPredictError:
    """Return the error of a discovery without a sensor: the reason, and the right remedy."""
    what = "an inlet temperature" if metric == "inlet_temp" else "a measured power"
    if found.reason:
        return SensorError(f"{base_url}: {found.reason}")
    if found.transient is not None:
        return _not_yet(base_url, what, found.transient)
    seen = "" if choice is None else f"; the best guess is {choice.shown_uri} ({choice.name})"
    broken = f"; {len(found.faults)} resources cannot be read, such as {found.faults[0]}" if found.faults else ""
    advice = (
        "set sensor.uri or sensor.name" if not broken else "if that is not the cause, set sensor.uri or sensor.name"
    )
    return SensorError(f"{base_url} has no sensor that is clearly {what}{seen}{broken}: {advice}")


def _not_yet(base_url: str, what: str, cause: RemoteError) -> RemoteError:
    """Return the error of a discovery that may succeed at the next attempt."""
    kind = RemoteTimeout if isinstance(cause, RemoteTimeout) else RemoteError
    return kind(
        f"{base_url}: {what} is not found yet: {cause.summary}",
        endpoint=base_url,
        status_code=cause.status_code,
        retry_after=cause.retry_after,
    )


def _override(uri: str | None, name: str | None) -> SensorChoice | None:
    if not uri:
        return None
    path, _, pointer = uri.partition("#")
    if safe_path(path) is None:
        raise SensorError(f"sensor.uri {uri!r:.100} is not a path under /redfish/")
    return SensorChoice(path, name or "", 0.0, pointer, 1.0, "named by hand")
