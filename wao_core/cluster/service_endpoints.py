"""The endpoints of a Service, merged over its EndpointSlices, and which of them receive traffic.

The weight service and the node agent both use this module, so that they agree on every endpoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wao_core.cluster.addresses import canonical_address, host_port
from wao_core.cluster.records import Endpoint, EndpointSlice, Service
from wao_core.cluster.state import Change


@dataclass(frozen=True, slots=True)
class ServiceEndpoint:
    """One endpoint with the port it serves on, and its first address in canonical form."""

    endpoint: Endpoint
    port: int
    family: str
    address: str

    @property
    def target(self) -> str:
        """Address and port, as in a URL."""
        return host_port(self.address, self.port)


def service_endpoints(
    service: Service, slices: Iterable[EndpointSlice]
) -> dict[tuple[int, str], list[ServiceEndpoint]]:
    """Return a Service's endpoints by (index of the Service port, address family), merged over all slices.

    Only the first address of an endpoint counts (KEP-752). Address and port count once, in any spelling and whichever
    slice comes first: of several endpoints the ready one counts, then the serving one. A Pod may have the address of
    another one that is still terminating (https://github.com/kubernetes/kubernetes/pull/135593). Left out are endpoints
    that cannot receive traffic: with an address of another family than their slice, or an invalid port.
    """
    found: dict[tuple[int, str], dict[tuple[str, int], ServiceEndpoint]] = {}
    for part in slices:
        if part.address_type not in ("IPv4", "IPv6"):
            continue
        for index, wanted in enumerate(service.ports):
            for port in part.ports:
                if port.port is not None and (port.name, port.protocol) == (wanted.name, wanted.protocol):
                    group = found.setdefault((index, part.address_type), {})
                    for item in _endpoints_of(part, port.port):
                        other = group.setdefault((item.address, item.port), item)
                        if other is not item and _precedence(item) > _precedence(other):
                            group[item.address, item.port] = item
    return {key: list(group.values()) for key, group in found.items()}


def _endpoints_of(part: EndpointSlice, port: int) -> Iterable[ServiceEndpoint]:
    if not 0 < port < 65536:
        return
    six = part.address_type == "IPv6"
    for endpoint in part.endpoints:
        if endpoint.addresses and (address := canonical_address(endpoint.addresses[0])) and (":" in address) is six:
            yield ServiceEndpoint(endpoint, port, part.address_type, address)


def _precedence(item: ServiceEndpoint) -> tuple[bool, bool, bool, str, str]:
    """Return what decides between endpoints with the same address and port; the names make it independent of order."""
    endpoint = item.endpoint
    return (
        endpoint.ready,
        endpoint.serving,
        not endpoint.terminating,
        endpoint.node_name or "",
        endpoint.target_name,
    )


def receiving_traffic(group: Iterable[ServiceEndpoint]) -> list[ServiceEndpoint]:
    """Return the ready endpoints, or, if none is ready, those that are serving and terminating.

    This is kube-proxy's rule (pkg/proxy/topology.go, CategorizeEndpoints; KEP-1669). An endpoint that is ready and
    terminating receives traffic: the EndpointSlice controller marks a terminating endpoint as ready only if the
    Service has `publishNotReadyAddresses`, which asks for exactly that, and kube-proxy looks at `ready` alone.
    """
    listed = list(group)
    ready = [item for item in listed if item.endpoint.ready]
    return ready or [item for item in listed if item.endpoint.serving and item.endpoint.terminating]


class SlicesByService:
    """Index of the EndpointSlices of each Service, whichever controller wrote them.

    Parameters
    ----------
    slices
        Live table of EndpointSlices by "namespace/name", such as `ClusterState.endpoint_slices`. Pass every change of
        it to `observe`.
    """

    def __init__(self, slices: Mapping[str, EndpointSlice]) -> None:
        self._slices = slices
        self._names: dict[str, set[str]] = {}
        for part in slices.values():
            self._add(part)

    def of(self, service: str) -> list[EndpointSlice]:
        """Return the slices of the Service "namespace/name", sorted by name."""
        return [self._slices[name] for name in sorted(self._names.get(service, ()))]

    def observe(self, change: Change) -> set[str]:
        """Follow one change; return the Services whose slices it concerns, empty for changes of other kinds."""
        touched = set()
        if isinstance(change.old, EndpointSlice) and (key := _service_of(change.old)):
            touched.add(key)
            names = self._names.get(key, set())
            names.discard(change.key)
            if not names:
                self._names.pop(key, None)
        if isinstance(change.new, EndpointSlice) and (key := self._add(change.new)):
            touched.add(key)
        return touched

    def _add(self, part: EndpointSlice) -> str:
        key = _service_of(part)
        if key:
            self._names.setdefault(key, set()).add(f"{part.namespace}/{part.name}")
        return key


def _service_of(part: EndpointSlice) -> str:
    return "" if part.service is None else f"{part.namespace}/{part.service}"
