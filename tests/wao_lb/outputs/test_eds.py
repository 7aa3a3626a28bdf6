"""Envoy's discovery requests from strangers: bounded answers, and a 400 for anything that is not a request."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_lb.documents import ServiceWeights, WeightedEndpoint, WeightedPort
from wao_lb.outputs.eds import MAX_NAMES, TYPE, answer

ENDPOINT = WeightedEndpoint(
    address="10.0.0.1",
    port=8080,
    node_name="n1",
    zone="a",
    weight=100.0,
    watt_increase=None,
    ready=True,
    serving=True,
    terminating=False,
    reason="",
)
PORT = WeightedPort(name="http", port=80, protocol="TCP", family="IPv4", endpoints=(ENDPOINT,))
WEIGHTS = {
    "default/web": ServiceWeights(
        namespace="default",
        service="web",
        rule="equal",
        reason="",
        version="1",
        cpu_per_request_cores=0.0,
        ports=(PORT,),
    )
}


def request(*names: str) -> bytes:
    return json.dumps({"resource_names": names}).encode()


def clusters(body: bytes) -> list[str]:
    return [item["cluster_name"] for item in json.loads(body)["resources"]]


def test_a_cluster_named_twice_is_answered_once_in_the_order_of_the_request() -> None:
    found = answer(request("b:1", "default/web:http", "b:1", "default/web:http"), WEIGHTS)
    assert (found.status, clusters(found.body)) == (200, ["b:1", "default/web:http"])
    assert (
        json.loads(found.body)["version_info"]
        == json.loads(answer(request("b:1", "default/web:http"), WEIGHTS).body)["version_info"]
    )


def test_a_request_of_repeated_names_has_a_small_answer() -> None:
    body = request(*["default/web:http"] * 50_000)
    assert len(answer(body, WEIGHTS).body) < 1000


def test_more_names_than_a_proxy_has_clusters_are_refused_with_the_remedy() -> None:
    found = answer(request(*map(str, range(MAX_NAMES + 1))), WEIGHTS)
    assert found.status == 400
    assert "request all with an empty list" in json.loads(found.body)["error"]
    largest = answer(request(*map(str, range(MAX_NAMES))), WEIGHTS)
    assert largest.status == 200
    assert len(largest.body) < 4 * 1024 * 1024


@pytest.mark.parametrize("opening", ['{"node": ', '{"x": ', '{"resource_names": ', ""])
@pytest.mark.parametrize("nest", ["[", '{"a":'])
def test_deep_nesting_is_a_bad_request(opening: str, nest: str) -> None:
    assert answer((opening + nest * 100_000).encode(), WEIGHTS).status == 400


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
REQUESTS = st.fixed_dictionaries(
    {}, optional={"version_info": JSON, "resource_names": JSON | st.lists(st.text()), "type_url": JSON | st.just(TYPE)}
)


@given(st.binary(max_size=200) | (JSON | REQUESTS).map(json.dumps).map(str.encode))
def test_whatever_is_sent_the_answer_is_json_and_no_error_of_ours(body: bytes) -> None:
    found = answer(body, WEIGHTS)
    assert found.status in (200, 400)
    assert set(json.loads(found.body)) in ({"error"}, {"version_info", "type_url", "nonce", "resources"})


def dual(*families: str) -> dict[str, ServiceWeights]:
    listed = [
        WeightedPort(
            name="http",
            port=80,
            protocol="TCP",
            family=family,
            endpoints=tuple(
                WeightedEndpoint(address=address, port=8080, weight=50.0)
                for address in (("10.1.0.1", "10.1.0.2") if family == "IPv4" else ("fd01::1", "fd01::2"))
            ),
        )
        for family in ("IPv4", "IPv6")
    ]
    return {"default/dual": ServiceWeights(version="1", families=families, ports=tuple(listed))}


def addresses(body: bytes) -> dict[str, list[str]]:
    return {
        item["cluster_name"]: [
            host["endpoint"]["address"]["socket_address"]["address"]
            for zone in item["endpoints"]
            for host in zone["lb_endpoints"]
        ]
        for item in json.loads(body)["resources"]
    }


@pytest.mark.parametrize("families", [("IPv4", "IPv6"), ("IPv6", "IPv4")])
def test_a_cluster_has_the_endpoints_of_one_family(families: tuple[str, str]) -> None:
    """An Envoy without addresses of the other family could not reach half of them."""
    by_family = {"IPv4": ["10.1.0.1", "10.1.0.2"], "IPv6": ["fd01::1", "fd01::2"]}
    primary, other = families
    expected = {
        "default/dual:http": by_family[primary],
        f"default/dual:http:{other}": by_family[other],
    }
    assert expected == addresses(answer(request(*expected), dual(*families)).body)
    assert expected == addresses(answer(request(), dual(*families)).body)  # all clusters
    (same,) = addresses(answer(request(f"default/dual:http:{primary}"), dual(*families)).body).values()
    assert by_family[primary] == same


def test_the_version_changes_with_the_service_whatever_the_qualifiers_of_its_name_are() -> None:
    def version(weights: dict[str, ServiceWeights]) -> object:
        return json.loads(answer(request("default/dual:80/TCP:IPv6"), weights).body)["version_info"]

    before = dual("IPv4", "IPv6")
    after = {key: msgspec.structs.replace(item, version="2") for key, item in before.items()}
    assert version(before) != version(after)
