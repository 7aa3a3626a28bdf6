"""Any Service, and any request for its weights, has an answer; nothing of it becomes a part of the ruleset's syntax."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.lb_cluster import Cluster
from tests.fuzz.json_texts import TEXTS, VALUES
from wao_core.cluster.decode import DECODERS
from wao_core.cluster.records import Service
from wao_core.errors import ManifestError
from wao_lb.agent.names import refusal
from wao_lb.outputs import eds
from wao_lb.outputs.haproxy import reply
from wao_lb.settings import LbSettings, is_chosen, service_settings

CLUSTER = Cluster()
NAMES = st.sampled_from(["default/web:http", "default/web:80", "default/web", ":", "", "\x00", "\ud83d\ude00", "a:b:c"])


REQUESTS = st.fixed_dictionaries({}, optional={"resource_names": st.lists(NAMES), "version_info": st.text(max_size=3)})


@given(TEXTS | REQUESTS.map(json.dumps).map(str.encode))
def test_any_discovery_request_is_answered(body: bytes) -> None:
    assert eds.answer(body, CLUSTER.book).status in (200, 304, 400)


@given(NAMES | st.text(max_size=60), st.text(max_size=30) | st.just("10.1.0.1:8080"))
def test_any_agent_check_is_one_line(cluster: str, endpoint: str) -> None:
    answer = reply(f"{cluster} {endpoint}\n", CLUSTER.book)
    assert answer.endswith(b"\n")
    assert answer.count(b"\n") == 1


HOSTILE = st.sampled_from(
    [
        "web",
        "a-b",
        "",
        "A",
        "a" * 64,
        'x" accept',
        "x\n}",
        "x;",
        "x}",
        "#",
        "@",
        "*",
        "\u00e9",
        "10.0.0.1",
        "::1",
        "0/0",
    ]
) | st.text(max_size=10)
PORT = st.fixed_dictionaries(
    {"port": st.integers(-1, 70000)},
    optional={
        "name": HOSTILE,
        "protocol": HOSTILE | st.sampled_from(["TCP", "UDP"]),
        "nodePort": st.integers(-1, 70000),
    },
)
SPEC = st.fixed_dictionaries(
    {"clusterIP": HOSTILE | st.just("10.0.0.1"), "ports": st.lists(PORT, max_size=3)},
    optional={
        "externalIPs": st.lists(HOSTILE, max_size=2),
        "loadBalancerSourceRanges": st.lists(HOSTILE, max_size=2),
        "sessionAffinity": HOSTILE,
        "externalTrafficPolicy": HOSTILE,
        "type": HOSTILE,
    },
)


@given(HOSTILE, HOSTILE, SPEC, st.dictionaries(st.just("waok8s.github.io/cpu-per-request"), VALUES))
def test_a_service_is_served_only_if_all_its_texts_are_names_and_addresses(
    name: str, namespace: str, spec: dict[str, Any], annotations: dict[str, Any]
) -> None:
    metadata = {"name": name, "namespace": namespace, "annotations": annotations}
    with suppress(ManifestError):
        service = DECODERS["Service"].decode_object({"metadata": metadata, "spec": spec})
        assert isinstance(service, Service)
        is_chosen(service, LbSettings())
        service_settings(service, LbSettings())
        if not refusal(service):
            texts = [service.name, service.namespace, *service.cluster_ips, *service.external_ips]
            texts += [*service.source_ranges, *(text for port in service.ports for text in (port.name, port.protocol))]
            assert not set("\"'`{};#@*\n\x00\\$ ") & set("".join(texts)), texts
