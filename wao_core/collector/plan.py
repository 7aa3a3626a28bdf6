"""Which sensors are polled for which nodes, from the NodeConfigs. Pure.

Equal terms share one poller, whose readings go to all of their nodes: one differential pressure sensor serves a whole
rack and is read once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from wao_core.cluster.records import NodeConfig, SensorTerm, key_of
from wao_core.crds.node_configs import first_by_node
from wao_predict.endpoint import Endpoint

LEAST_INTERVAL = 1.0
"""Shortest time between two readings [s]."""
TTL_INTERVALS = 4
"""Number of intervals for which a value can be used: 60 s by default."""


@dataclass(frozen=True, slots=True)
class SensorSpec:
    """What makes two pollers the same.

    Parameters
    ----------
    metric
        The quantity to read.
    endpoint
        Where the sensor is.
    interval
        Time between two readings [s].
    node, address
        The node's name and address for sensors whose reading depends on them, else empty.
    """

    metric: str
    endpoint: Endpoint
    interval: float
    node: str = ""
    address: str = ""

    @property
    def ttl(self) -> float:
        """Time for which a reading can be used [s]."""
        return TTL_INTERVALS * self.interval


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """The properties of a node that a reading depends on; empty for those that it does not depend on."""

    name: str = ""
    address: str = ""


Identify = Callable[[Endpoint, str], NodeIdentity]  # of an endpoint and the name of the node it is for


def shared(_endpoint: Endpoint, _node: str) -> NodeIdentity:
    """Return an empty identity: no reading depends on the node."""
    return NodeIdentity()


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """Where a reading goes."""

    node: str
    metric: str


@dataclass(frozen=True, slots=True)
class PollingPlan:
    """The wanted pollers, and the NodeConfigs that are ignored because the node has another one."""

    pollers: Mapping[SensorSpec, frozenset[Target]] = field(default_factory=dict)
    losers: Mapping[str, str] = field(default_factory=dict)  # key -> key of the winner


def make_plan(configs: Iterable[NodeConfig], *, identify: Identify = shared) -> PollingPlan:
    """Return the plan for these NodeConfigs.

    Parameters
    ----------
    identify
        Returns which properties of the node a reading depends on.
    """
    pollers: dict[SensorSpec, set[Target]] = {}
    configs = list(configs)
    first = first_by_node(configs)
    losers = {key_of(config): key_of(winner) for config in configs if (winner := first[config.node_name]) is not config}
    for config in first.values():
        for metric, term in config.metrics.items():
            spec = spec_of(metric, term, identify(term.endpoint, config.node_name))
            pollers.setdefault(spec, set()).add(Target(config.node_name, metric))
    return PollingPlan({spec: frozenset(targets) for spec, targets in pollers.items()}, losers)


def spec_of(metric: str, term: SensorTerm, identity: NodeIdentity) -> SensorSpec:
    """Return the identity of the poller that a sensor of a NodeConfig needs."""
    return SensorSpec(metric, term.endpoint, max(LEAST_INTERVAL, term.interval), identity.name, identity.address)
