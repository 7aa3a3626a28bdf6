"""Which sensors are to be polled for which nodes, from the NodeConfigs. Pure.

Terms that say the same share one poller, whose readings go to all of their nodes: one differential pressure sensor
serves a whole rack and is asked once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from wao_core.cluster.records import EndpointTerm, NodeConfig, key_of
from wao_core.crds.node_configs import precedence

DEFAULT_INTERVAL = 15.0  # seconds; what the reference's collectors use
LEAST_INTERVAL = 1.0
TTL_INTERVALS = 4  # a value may be used for this many intervals: 60 s by default


@dataclass(frozen=True, slots=True)
class SensorSpec:
    """What makes two terms the same.

    Parameters
    ----------
    metric
        The quantity to read.
    type, endpoint, options
        As in the NodeConfig; the options as JSON with sorted keys.
    secret
        "namespace/name", "" for none.
    interval
        Seconds between two readings.
    node, address
        The node's name and address for sensors whose reading depends on them, else "".
    """

    metric: str
    type: str
    endpoint: str
    secret: str
    interval: float
    options: str = "{}"
    node: str = ""
    address: str = ""

    @property
    def ttl(self) -> float:
        """Seconds that a reading may be used."""
        return TTL_INTERVALS * self.interval

    def option(self, name: str) -> object:
        """Return one of the term's further options, None when it is not given."""
        return json.loads(self.options).get(name)


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """What a term's reading depends on besides its endpoint: the node's name, its address; "" for what does not."""

    name: str = ""
    address: str = ""


Identify = Callable[[EndpointTerm, str], NodeIdentity]  # of a term and the name of the node it is for


def shared(_term: EndpointTerm, _node: str) -> NodeIdentity:
    """Tell of no term that its reading depends on the node."""
    return NodeIdentity()


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """Where a reading goes."""

    node: str
    metric: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The pollers there should be, and the NodeConfigs that lose against another one of the same node."""

    pollers: Mapping[SensorSpec, frozenset[Target]] = field(default_factory=dict)
    losers: Mapping[str, str] = field(default_factory=dict)  # key -> key of the winner


def make_plan(configs: Iterable[NodeConfig], *, identify: Identify = shared) -> Plan:
    """Return the plan for these NodeConfigs.

    Parameters
    ----------
    identify
        What a term's reading depends on besides the endpoint.
    """
    pollers: dict[SensorSpec, set[Target]] = {}
    winners: dict[str, str] = {}
    losers: dict[str, str] = {}
    for config in sorted(configs, key=precedence):
        key = key_of(config)
        winner = winners.setdefault(config.node_name, key)
        if winner != key:
            losers[key] = winner
            continue
        for metric, term in config.metrics.items():
            spec = spec_of(config, metric, term, identity=identify(term, config.node_name))
            pollers.setdefault(spec, set()).add(Target(config.node_name, metric))
    return Plan({spec: frozenset(targets) for spec, targets in pollers.items()}, losers)


def spec_of(config: NodeConfig, metric: str, term: EndpointTerm, *, identity: NodeIdentity) -> SensorSpec:
    """Return the identity of the poller that a term of a NodeConfig needs."""
    return SensorSpec(
        metric=metric,
        type=term.type,
        endpoint=term.endpoint.strip().rstrip("/"),
        secret=f"{config.namespace}/{term.secret_name}" if term.secret_name else "",
        interval=max(LEAST_INTERVAL, term.fetch_interval or DEFAULT_INTERVAL),
        options=json.dumps(term.options, sort_keys=True, default=str),
        node=identity.name,
        address=identity.address,
    )
