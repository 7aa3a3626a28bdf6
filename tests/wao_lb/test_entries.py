"""One Service of the weight book: what it inherits, and its document, labels and reasons."""

from __future__ import annotations

import numpy as np

from tests.fakes.lb_cluster import endpoint, part, service
from wao_core.cluster.records import Endpoint, EndpointPort, EndpointSlice, Service, ServicePort
from wao_core.cluster.state import ClusterState
from wao_lb.entries import Entry
from wao_lb.pod_table import PodTable
from wao_lb.rows import SCALE
from wao_lb.settings import LbSettings, service_settings
from wao_lb.weight_table import WeightTable

PORTS = (ServicePort(port=80, name="http"), ServicePort(port=443))


class Table:
    """A table, and entries in it."""

    def __init__(self) -> None:
        self.table = WeightTable(PodTable(ClusterState()), LbSettings())

    def entry(self, slices: list[EndpointSlice], old: Entry | None = None, made: Service | None = None) -> Entry:
        made = made or service()
        settings = service_settings(made, LbSettings())
        entry = Entry.of(made, slices, settings, self.table)
        rows = entry.fresh_rows([0] * len(entry.usable), old)
        self.table.replace([] if old is None else [old.key], {entry.key: rows})
        return entry


def test_endpoints_keep_their_weights_and_pools_their_load() -> None:
    table = Table()
    old = table.entry([part("web-1", endpoint(1, "a"), endpoint(2, "b"))])
    old.rows.weights[:], old.rows.load[:], old.rows.planned[:] = [30.0, 70.0], 5.0, 2.0
    old.rows.measured_at[:] = 100.0
    fresh = table.entry([part("web-1", endpoint(2, "b"), endpoint(3, "a"))], old)
    np.testing.assert_array_equal(fresh.rows.weights, [70.0, np.nan])
    assert (fresh.rows.load.tolist(), fresh.rows.measured_at.tolist()) == ([5.0], [100.0])
    assert fresh.rows.planned.tolist() == [0.0, 0.0]  # the old plan was withdrawn
    assert fresh.rows.node_name.tolist() == ["b", "a"]


def test_a_pool_that_is_new_inherits_no_load() -> None:
    table, six = Table(), Endpoint(addresses=("fd00::1",), node_name="a")
    old = table.entry([part("web-1", endpoint(1, "a"))])
    old.rows.load[:] = 5.0
    fresh = table.entry([part("web-1", endpoint(1, "a")), part("web-6", six, address_type="IPv6")], old)
    np.testing.assert_array_equal(fresh.rows.load, [5.0, np.nan])


def test_the_document_has_all_endpoints_and_the_weights_of_those_in_use() -> None:
    entry = Table().entry([part("web-1", endpoint(1, "a"), endpoint(2, "b", ready=False, zone="z"))])
    entry.rows.published[:] = 100 * SCALE
    entry.rows.increase[:] = 1.23456
    assert entry.publish(b"weights")
    assert not entry.publish(b"weights")
    document = entry.document(5.0)
    assert document is entry.document(6.0)
    (port,) = document.ports
    assert (document.version, port.name, port.family) == (entry.version, "http", "IPv4")
    assert document.generated_at == "1970-01-01T00:00:05.000000Z"
    used, other = port.endpoints
    assert (used.weight, used.watt_increase, used.reason, used.node_name) == (100.0, 1.2346, "", "a")
    assert (other.weight, other.watt_increase, other.reason, other.zone) == (0.0, None, "not ready", "z")


def test_labels_name_the_port_or_its_number() -> None:
    ports = (EndpointPort(name="http", port=8080), EndpointPort(port=8443))
    entry = Table().entry([part("web-1", endpoint(1, "a"), ports=ports)], made=service(ports=PORTS))
    found = [dict(labels) for labels in entry.labels]
    assert [(labels["port"], labels["endpoint"]) for labels in found] == [
        ("http", "10.1.0.1:8080"),
        ("443", "10.1.0.1:8443"),
    ]


def test_the_reason_of_a_service_without_traffic() -> None:
    table = Table()
    assert table.entry([]).reason == "the Service has no endpoints"
    assert table.entry([part("web-1", endpoint(1, "a", ready=False))]).reason == "no endpoint is ready"


def test_pods_are_those_of_the_service_namespace() -> None:
    other = Endpoint(addresses=("10.1.0.9",), target_kind="VirtualMachine", target_name="vm")
    entry = Table().entry([part("web-1", endpoint(1, "a"), other)])
    assert (entry.pods, entry.rows.node_name.tolist()) == (["default/web-1", None], ["a", ""])
