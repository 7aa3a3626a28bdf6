"""The cluster as one node sees it: the Services that it serves, their endpoints, and the node itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from wao_core.cluster.records import Kind, Node, Service
from wao_core.cluster.service_endpoints import ServiceEndpoint, SlicesByService, service_endpoints
from wao_core.cluster.state import Change, ClusterState
from wao_lb.agent.endpoints import local_ready
from wao_lb.agent.family import FAMILIES, Family
from wao_lb.agent.model import NodeSetup, Rules
from wao_lb.agent.names import refusal
from wao_lb.agent.service_rules import service_rules
from wao_lb.agent.this_node import ThisNode
from wao_lb.settings import LbSettings, is_chosen
from wao_predict.timestamps import parse_rfc3339

KINDS = (Kind.SERVICE, Kind.ENDPOINT_SLICE, Kind.NODE)
CHANGE_TIME = "endpoints.kubernetes.io/last-change-trigger-time"


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """Settings of the service proxy on this node.

    Attributes
    ----------
    proxy_name
        Value of the label service.kubernetes.io/service-proxy-name of the Services to serve.
    cluster_cidrs
        Networks of all pods; empty for the pod CIDRs of this node.
    interface
        Identify pod traffic by this input interface instead of networks; a trailing * matches any suffix.
    node_ports_everywhere
        Accept node ports on every local address except loopback, not only on the node's primary address.
    """

    node_name: str
    proxy_name: str
    cluster_cidrs: tuple[str, ...] = ()
    interface: str = ""
    masquerade_all: bool = False
    masquerade_mark: int = 0x4000
    node_ports_everywhere: bool = False


class NodeView:
    """The Services of one node, and which of them changed since `take_changes` was last called."""

    def __init__(self, state: ClusterState, settings: NodeSettings) -> None:
        self.settings = settings
        self._state = state
        self._on_change: Callable[[], None] = _ignore
        self._chooser = LbSettings(proxy_name=settings.proxy_name)
        self._slices = SlicesByService(state.endpoint_slices)
        self._node = ThisNode(settings.node_name, state.nodes.get(settings.node_name))
        self._dirty: set[str] = set()
        self.first_change: float | None = None  # monotonic time of the oldest change not taken yet
        self._unsubscribe = state.subscribe(KINDS, self._observe)

    def notify(self, on_change: Callable[[], None]) -> None:
        """Call `on_change` after every relevant change from now on."""
        self._on_change = on_change

    def close(self) -> None:
        """Stop observing the state."""
        self._unsubscribe()

    @property
    def synced(self) -> bool:
        """Whether Services and EndpointSlices were both listed once; no rules may be written before."""
        return self._state.synced((Kind.SERVICE, Kind.ENDPOINT_SLICE))

    def ineligible(self) -> str | None:
        """Return why load balancers should not use this node, or None; a missing Node counts once Nodes were read."""
        unread = self._node.known is None and not self._state.synced([Kind.NODE])
        return None if unread else self._node.ineligible()

    def services(self) -> dict[str, Service]:
        """Return the Services to serve, oldest first."""
        served = (
            (key, service)
            for key, service in self._state.services.items()
            if is_chosen(service, self._chooser) and not refusal(service)
        )
        return dict(sorted(served, key=lambda item: (item[1].created or 0.0, item[0])))

    def refused(self) -> dict[str, str]:
        """Return the Services that should be served but cannot be, with the reason."""
        served = ((key, service) for key, service in self._state.services.items() if is_chosen(service, self._chooser))
        return {key: why for key, service in served if (why := refusal(service))}

    def take_changes(self) -> set[str]:
        """Return the keys of the Services that changed, or whose endpoints changed, since the last call."""
        taken, self._dirty, self.first_change = self._dirty, set(), None
        return taken

    def setup(self, family: Family) -> NodeSetup:
        """Return the settings for all Services of a family on this node."""
        node, settings = self._node.known, self.settings
        addresses = node.addresses if node is not None else ()
        internal = family.addresses(address for kind, address in addresses if kind == "InternalIP")
        external = family.addresses(address for kind, address in addresses if kind == "ExternalIP")
        cidrs = settings.cluster_cidrs or (node.pod_cidrs if node is not None else ())
        return NodeSetup(
            family=family,
            node_name=settings.node_name,
            node_ips=None if settings.node_ports_everywhere else (internal or external)[:1],
            local_cidrs=() if settings.interface else family.networks(cidrs),
            local_interface=settings.interface,
            masquerade_all=settings.masquerade_all,
            masquerade_mark=settings.masquerade_mark,
        )

    def rules(self, service: Service, setups: dict[Family, NodeSetup]) -> dict[Family, Rules]:
        """Return the rules of a Service in each family."""
        groups = service_endpoints(service, self._slices.of(f"{service.namespace}/{service.name}"))
        return {family: service_rules(service, _of_family(groups, family), setup) for family, setup in setups.items()}

    def local_ready(self, service: Service) -> int:
        """Return the number of ready endpoints of a Service on this node, in the family with more of them."""
        groups = service_endpoints(service, self._slices.of(f"{service.namespace}/{service.name}"))
        name = self.settings.node_name
        return max(local_ready(list(_of_family(groups, family).values()), name) for family in FAMILIES)

    def delays(self, keys: set[str], now: float) -> list[float]:
        """Return the seconds since the endpoints changed, for EndpointSlices that state the time of the change."""
        found = []
        for key in keys:
            for part in self._slices.of(key):
                at = parse_rfc3339(part.annotations.get(CHANGE_TIME))
                if at is not None and 0.0 <= now - at < 3600.0:
                    found.append(now - at)
        return found

    def _observe(self, change: Change) -> None:
        touched = {change.key} if change.kind is Kind.SERVICE else self._slices.observe(change)
        served = {key for key in touched if self._concerns(change, key)}
        own = change.kind is Kind.NODE and change.key == self.settings.node_name
        if own:
            self._node.update(cast(Node | None, change.new))
        if served or own:
            self._dirty |= served
            self.first_change = self.first_change or time.monotonic()
            self._on_change()

    def _concerns(self, change: Change, key: str) -> bool:
        """Return whether a change concerns a Service that is or was served here."""
        known = [self._state.services.get(key), change.old]
        return any(isinstance(item, Service) and is_chosen(item, self._chooser) for item in known)


def _of_family(
    groups: dict[tuple[int, str], list[ServiceEndpoint]], family: Family
) -> dict[int, list[ServiceEndpoint]]:
    return {index: group for (index, kind), group in groups.items() if kind == family.address_type}


def _ignore() -> None:
    return None
