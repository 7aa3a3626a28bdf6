"""EndpointSlices for Cilium: how endpoints are grouped, which weights they get, and what is written again."""

from __future__ import annotations

import msgspec
import pytest

from tests.fakes.api_objects import decode_object
from tests.fakes.lb_cluster import service
from wao_core.cluster.names import SERVICE_NAME
from wao_core.cluster.records import EndpointSlice, Service, ServicePort
from wao_lb.documents import ServiceWeights, WeightedEndpoint, WeightedPort
from wao_lb.outputs.cilium import (
    MANAGED_BY,
    MAX_ENDPOINTS,
    MAX_WEIGHT,
    WEIGHT,
    front_slices,
    slice_body,
    slice_changes,
    weight_of,
)
from wao_lb.settings import WEIGHTS_OF

FRONT = service(name="front", uid="u", annotations={WEIGHTS_OF: "web"})


def endpoint(number: int, node: str | None, weight: float, **more: object) -> WeightedEndpoint:
    fields = {"address": f"10.1.0.{number}", "port": 8080, "node_name": node, "weight": weight}
    return WeightedEndpoint(**{**fields, **more})  # type: ignore[arg-type]


def port(*endpoints: WeightedEndpoint, name: str = "http", family: str = "IPv4") -> WeightedPort:
    return WeightedPort(name=name, port=80, protocol="TCP", family=family, endpoints=endpoints)


def slices(*ports: WeightedPort, front: Service = FRONT) -> dict[str, EndpointSlice]:
    return front_slices(front, ServiceWeights(namespace="default", service="web", version="1", ports=ports))


def weights(*endpoints: WeightedEndpoint) -> list[int | None]:
    found = slices(port(*endpoints)).values()
    return [weight_of(item) for item in sorted(found, key=lambda item: item.endpoints[0].addresses)]


def test_endpoints_are_grouped_by_node_with_the_weights_of_their_shares() -> None:
    found = slices(port(endpoint(1, "a", 40.0), endpoint(2, "a", 40.0), endpoint(3, "b", 20.0)))
    by_node = {item.endpoints[0].node_name: item for item in found.values()}
    assert {node: len(item.endpoints) for node, item in by_node.items()} == {"a": 2, "b": 1}
    # 100 is an equal share, a third here, and each endpoint of a slice has the weight of the slice
    assert {node: weight_of(item) for node, item in by_node.items()} == {"a": 120, "b": 60}
    for item in by_node.values():
        assert item.labels == {SERVICE_NAME: "front", MANAGED_BY: "wao-lb"}
        assert (item.service, item.namespace, item.address_type) == ("front", "default", "IPv4")


def test_each_port_and_family_has_slices_of_its_own_and_ports_are_those_of_the_front() -> None:
    front = service(name="front", ports=(ServicePort(port=80, name="http"), ServicePort(port=443, name="tls")))
    six = endpoint(1, "a", 100.0, address="fd00::1")
    numbers = {"http": 8080, "tls": 8443, "debug": 6060}
    named = [port(endpoint(1, "a", 100.0, port=number), name=name) for name, number in numbers.items()]
    found = slices(*named, port(six, family="IPv6"), front=front)
    assert sorted((item.ports[0].name, item.address_type) for item in found.values()) == [
        ("http", "IPv4"),
        ("http", "IPv6"),
        ("tls", "IPv4"),
    ]


@pytest.mark.parametrize(
    ("endpoints", "expected"),
    [
        ((endpoint(1, "a", 0.0), endpoint(2, "b", 100.0)), [0, 200]),
        ((endpoint(1, "a", 0.001), endpoint(2, "b", 99.999)), [1, 200]),
        ((endpoint(1, "a", 0.0, ready=False), endpoint(2, "b", 100.0)), [None, 100]),
        ((endpoint(1, "a", 100.0, ready=False, serving=True, terminating=True),), [100]),
        ((endpoint(1, None, 50.0), endpoint(2, None, 50.0)), [100]),
    ],
    ids=["without-traffic", "little", "not-ready", "only-terminating", "without-node"],
)
def test_weights_are_whole_numbers_and_0_drains(
    endpoints: tuple[WeightedEndpoint, ...], expected: list[int | None]
) -> None:
    assert weights(*endpoints) == expected


def test_weights_and_slices_have_limits() -> None:
    many = [endpoint(number, "b", 0.0, address=f"10.2.{number // 250}.{number % 250}") for number in range(2500)]
    found = slices(port(endpoint(1, "a", 100.0), *many)).values()
    assert max(weight_of(item) or 0 for item in found) == MAX_WEIGHT
    assert max(len(item.endpoints) for item in found) == MAX_ENDPOINTS
    assert sum(len(item.endpoints) for item in found) == 2501
    assert len({item.name for item in found}) == 4


def test_ports_with_the_same_number_are_in_one_slice() -> None:
    """Of two slices with the same address and number, Cilium would keep the name of one port only."""
    front = service(name="front", ports=(ServicePort(port=80, name="http"), ServicePort(port=81, name="alt")))
    same = [endpoint(1, "a", 75.0), endpoint(2, "b", 25.0)]
    (before, after) = (slices(*ports, front=front) for ports in ([port(*same)], [port(*same), port(*same, name="alt")]))
    assert {(item.ports[0].name, weight_of(item)) for item in before.values()} == {("http", 150), ("http", 50)}
    assert [[each.name for each in item.ports] for item in after.values()] == [["http", "alt"]] * 2
    assert {key: weight_of(item) for key, item in after.items()} == {
        key: weight_of(item) for key, item in before.items()
    }


def test_an_address_is_in_one_slice_where_a_named_target_port_has_several_numbers() -> None:
    front = service(name="front", ports=(ServicePort(port=80, name="http"), ServicePort(port=81, name="alt")))
    by_name = [endpoint(1, "a", 50.0), endpoint(2, "a", 50.0, port=9090)]
    by_number = [endpoint(1, "a", 50.0), endpoint(2, "a", 50.0)]
    found = slices(port(*by_name), port(*by_number, name="alt"), front=front).values()
    listed = {
        (each.addresses[0], item.ports[0].port): [port.name for port in item.ports]
        for item in found
        for each in item.endpoints
    }
    assert listed == {("10.1.0.1", 8080): ["http", "alt"], ("10.1.0.2", 8080): ["alt"], ("10.1.0.2", 9090): ["http"]}
    assert sum(len(item.endpoints) for item in found) == 3


def test_what_is_read_back_is_what_was_written() -> None:
    drained = endpoint(3, "b", 0.0, ready=False, serving=True, terminating=True)
    found = slices(port(endpoint(1, "a", 60.0, zone="z"), endpoint(2, None, 40.0), drained))
    read = {}
    for key, item in found.items():
        record = decode_object("EndpointSlice", slice_body(item, FRONT))
        assert isinstance(record, EndpointSlice)
        read[key] = record
    assert slice_changes(found, read, step=0.0).endpoints == ()
    assert slice_changes(found, read, step=0.0).weights == ()


def test_a_slice_is_deleted_with_its_front_and_names_no_weight_without_one() -> None:
    (item,) = slices(port(endpoint(1, "a", 0.0, ready=False))).values()
    metadata = slice_body(item, FRONT)["metadata"]
    assert "annotations" not in metadata
    assert metadata["ownerReferences"] == [{"apiVersion": "v1", "kind": "Service", "name": "front", "uid": "u"}]


def weighted(weight: int | None) -> dict[str, EndpointSlice]:
    (item,) = slices(port(endpoint(1, "a", 100.0))).values()
    annotations = {} if weight is None else {WEIGHT: str(weight)}
    return {"default/x": msgspec.structs.replace(item, name="x", annotations=annotations)}


@pytest.mark.parametrize(
    ("old", "new", "written"),
    [
        (100, 104, False),
        (100, 106, True),
        (106, 100, True),
        (2, 3, True),
        (100, 0, True),
        (0, 1, True),
        (None, 100, True),
        (100, None, True),
        (0, 0, False),
    ],
)
def test_only_weights_that_changed_enough_are_written(old: int | None, new: int | None, written: bool) -> None:
    found = slice_changes(weighted(new), weighted(old), step=0.05)
    assert bool(found.weights) is written
    assert (found.endpoints, found.delete) == ((), ())


def test_the_largest_change_is_the_first() -> None:
    old = {f"default/{name}": msgspec.structs.replace(weighted(100)["default/x"], name=name) for name in "abc"}
    new = {
        key: msgspec.structs.replace(item, annotations={WEIGHT: str(weight)})
        for (key, item), weight in zip(old.items(), (120, 0, 300), strict=True)
    }
    assert [item.name for item in slice_changes(new, old, step=0.05).weights] == ["b", "c", "a"]


def test_changed_endpoints_are_written_whatever_the_weight_and_others_deleted() -> None:
    (other,) = slices(port(endpoint(2, "a", 100.0))).values()
    existing = {**weighted(100), "default/gone": other}
    wanted = {"default/x": msgspec.structs.replace(other, name="x")}
    found = slice_changes(wanted, existing, step=0.05)
    assert ([item.name for item in found.endpoints], found.delete) == (["x"], ("default/gone",))


@pytest.mark.parametrize("text", ["", "-1", "65536", "1.5", "x", "\N{ARABIC-INDIC DIGIT ONE}"])
def test_an_invalid_weight_of_another_writer_is_none(text: str) -> None:
    item = msgspec.structs.replace(weighted(1)["default/x"], annotations={WEIGHT: text})
    assert weight_of(item) is None


def test_a_service_has_its_selector_in_its_record() -> None:
    for selector, expected in (({"app": "web"}, True), ({}, False), (None, False)):
        found = decode_object("Service", {"metadata": {"name": "a"}, "spec": {"selector": selector}})
        assert isinstance(found, Service)
        assert found.has_selector is expected


@pytest.mark.parametrize("text", ["", "-1", "1.5", "70000", "\u00b2", "1" * 5000, "0" * 5000 + "1"])
def test_an_annotation_that_is_no_weight_is_none(text: str) -> None:
    """Others may write it: Python refuses to read an integer of thousands of digits."""
    (made,) = slices(port(endpoint(1, "a", 100.0))).values()
    assert weight_of(msgspec.structs.replace(made, annotations={WEIGHT: text})) is None
