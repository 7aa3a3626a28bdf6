"""Which port, protocol and address family a cluster name requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_lb.documents import ServiceWeights, WeightedPort
from wao_lb.outputs.clusters import cluster_names, port_named, ports_named, service_of


def document(*ports: tuple[str, int, str, str], families: tuple[str, ...] = ("IPv4", "IPv6")) -> ServiceWeights:
    listed = [
        WeightedPort(name=name, port=port, protocol=protocol, family=family, endpoints=())
        for name, port, protocol, family in ports
    ]
    return ServiceWeights(version="1", families=families, ports=tuple(listed))


BOTH = [("http", 80, "TCP", "IPv4"), ("http", 80, "TCP", "IPv6")]
DUAL = document(*BOTH)
DNS = [
    (name, 53, protocol, family)
    for name, protocol in (("dns", "UDP"), ("dns-tcp", "TCP"))
    for family in ("IPv4", "IPv6")
]
WEIGHTS = {
    "default/dual": DUAL,
    "default/six-first": document(*BOTH, families=("IPv6", "IPv4")),
    "default/pending": document(("http", 80, "TCP", "IPv6")),
    "default/dns": document(*DNS),
    "default/plain": document(("", 53, "UDP", "IPv4"), ("", 53, "TCP", "IPv4"), families=("IPv4",)),
    "default/numbers": document(("80", 8080, "TCP", "IPv4"), ("http", 80, "TCP", "IPv4"), families=("IPv4",)),
    "default/udp": document(("", 53, "UDP", "IPv4"), families=("IPv4",)),
    "default/old": document(("http", 80, "TCP", "IPv4"), families=()),
}


@pytest.mark.parametrize(
    ("name", "port"),
    [
        ("default/dual:http", ("http", 80, "TCP", "IPv4")),
        ("default/dual:80", ("http", 80, "TCP", "IPv4")),
        ("default/dual:http:IPv4", ("http", 80, "TCP", "IPv4")),
        ("default/dual:http:IPv6", ("http", 80, "TCP", "IPv6")),
        ("default/dual:80/TCP:IPv6", ("http", 80, "TCP", "IPv6")),
        ("default/dual:http:ipv6", None),
        ("default/dual:http/UDP", None),
        ("default/dual:https", None),
        ("default/dual:", None),
        ("default/dual", None),
        ("default/six-first:http", ("http", 80, "TCP", "IPv6")),
        ("default/six-first:http:IPv4", ("http", 80, "TCP", "IPv4")),
        # no endpoint of the primary family: those of the other family are not its endpoints
        ("default/pending:http", None),
        ("default/dns:dns", ("dns", 53, "UDP", "IPv4")),
        ("default/dns:53", ("dns-tcp", 53, "TCP", "IPv4")),
        ("default/dns:53/UDP", ("dns", 53, "UDP", "IPv4")),
        ("default/dns:53/UDP:IPv6", ("dns", 53, "UDP", "IPv6")),
        ("default/plain:53", ("", 53, "TCP", "IPv4")),
        ("default/plain:53/UDP", ("", 53, "UDP", "IPv4")),
        ("default/udp:53", ("", 53, "UDP", "IPv4")),
        # a name takes precedence over a number
        ("default/numbers:80", ("80", 8080, "TCP", "IPv4")),
        ("default/numbers:8080", ("80", 8080, "TCP", "IPv4")),
        ("default/old:http", ("http", 80, "TCP", "IPv4")),
        ("default/none:http", None),
        ("", None),
        (":::", None),
    ],
)
def test_a_name_requests_one_port_of_one_protocol_and_family(name: str, port: tuple[str, int, str, str] | None) -> None:
    found = port_named(name, WEIGHTS)
    assert port == (None if found is None else (found.name, found.port, found.protocol, found.family))


def test_without_a_family_a_name_allows_both() -> None:
    assert ["IPv4", "IPv6"] == [port.family for port in ports_named("default/dual:http", DUAL)]
    assert ["IPv6"] == [port.family for port in ports_named("default/dual:http:IPv6", DUAL)]


def test_the_names_of_all_ports_are_those_that_request_them() -> None:
    for key, weights in WEIGHTS.items():
        if key == "default/numbers":
            continue  # its port 80 has no name of its own, only the name http
        names = list(cluster_names({key: weights}))
        assert len(set(names)) == len(weights.ports)
        assert list(weights.ports) == [port_named(name, WEIGHTS) for name in names]
        assert {key} == {service_of(name) for name in names}


@given(st.text(max_size=40))
def test_any_text_is_a_name_that_requests_a_port_or_none(text: str) -> None:
    for name in (text, f"default/dual:{text}", f"default/dual:http:{text}"):
        found = port_named(name, WEIGHTS)
        assert found is None or found in WEIGHTS[service_of(name)].ports
