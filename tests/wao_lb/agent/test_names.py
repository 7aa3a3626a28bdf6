"""Names of objects in the ruleset: unique, short enough, and made of checked words only."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wao_lb.agent.services import WEB, service
from wao_core.cluster.records import ServicePort
from wao_lb.agent.names import LONGEST_AFFINITY, port_names, refusal


def names_of(**more: Any) -> list[str]:
    """Return every name that one port of a Service leads to."""
    port = more.pop("port", WEB)
    names = port_names(service(**more), port)
    chains = [names.cluster, names.local, names.external, names.firewall, names.sources]
    maps = [names.split(names.cluster), names.split(names.local), names.weights(names.cluster)]
    return [*chains, *maps, names.endpoint("10.1.0.1", 80), names.affinity("fd01::1", 80, LONGEST_AFFINITY)]


def test_names_are_those_that_operators_know_from_kube_proxy() -> None:
    names = port_names(service(), WEB)
    assert names.cluster.startswith("service-")
    assert names.cluster.endswith("-default/web/tcp/http")
    assert names.split(names.cluster).removeprefix("split-") == names.cluster.removeprefix("service-")
    assert names.endpoint("10.1.0.1", 8080).endswith("default/web/tcp/http__10.1.0.1/8080")
    assert ":" not in names.endpoint("fd01::1", 8080)


@given(
    namespace=st.from_regex(r"[a-z]{1,63}", fullmatch=True),
    name=st.from_regex(r"[a-z]{1,63}", fullmatch=True),
    port=st.from_regex(r"[a-z]{0,63}", fullmatch=True),
)
def test_names_fit_and_differ(namespace: str, name: str, port: str) -> None:
    fields = {"namespace": namespace, "name": name, "port": ServicePort(port=80, name=port)}
    found = names_of(**fields)
    assert all(len(item) < 256 for item in found)
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    "other",
    [{"namespace": "b"}, {"name": "b"}, {"port": WEB.__class__(port=81, name="http")}, {"port": ServicePort(port=80)}],
)
def test_another_port_or_service_has_other_names(other: dict[str, Any]) -> None:
    assert not set(names_of()) & set(names_of(**other))


@pytest.mark.parametrize("timeout", [1, LONGEST_AFFINITY])
def test_a_service_within_the_limits_is_not_refused(timeout: int) -> None:
    assert "" == refusal(service(session_affinity="ClientIP", affinity_timeout=timeout, health_check_node_port=65535))


@pytest.mark.parametrize(
    ("ports", "reason"),
    [
        ((ServicePort(port=0),), "port 0 is not from 1 to 65535"),
        ((WEB, ServicePort(port=80, node_port=65536)), "node port 65536 is not from 1 to 65535"),
    ],
)
def test_a_refusal_names_the_field_that_is_wrong(ports: tuple[ServicePort, ...], reason: str) -> None:
    assert reason == refusal(service(ports=ports))
