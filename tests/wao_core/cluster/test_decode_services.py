"""Services and EndpointSlices to records."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.api_objects import decode_object
from wao_core.cluster.records import EndpointSlice, Service


@pytest.mark.parametrize(
    ("conditions", "ready", "serving"),
    [
        (None, True, True),
        ({"ready": None}, True, True),
        ({"ready": False}, False, False),
        ({"ready": False, "serving": True}, False, True),
    ],
)
def test_conditions_that_are_not_said_have_their_defaults(conditions: Any, ready: bool, serving: bool) -> None:
    raw = {
        "metadata": {"name": "s", "labels": {"kubernetes.io/service-name": "web"}},
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": conditions}],
        "ports": [{"port": 80}],
    }
    record = decode_object("EndpointSlice", raw)
    assert isinstance(record, EndpointSlice)
    assert record.service == "web"
    assert (record.endpoints[0].ready, record.endpoints[0].serving) == (ready, serving)


def test_a_service_has_what_a_proxy_needs() -> None:
    raw = {
        "metadata": {"name": "web", "namespace": "n"},
        "spec": {
            "clusterIP": "10.0.0.1",
            "ports": [{"port": 80, "targetPort": "http", "nodePort": 30080}],
            "sessionAffinity": "ClientIP",
            "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 60}},
        },
        "status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4", "ipMode": "Proxy"}, {"hostname": "x"}]}},
    }
    record = decode_object("Service", raw)
    assert isinstance(record, Service)
    assert record.cluster_ips == ("10.0.0.1",)
    assert record.ports[0].node_port == 30080
    assert record.affinity_timeout == 60
    assert [(item.ip, item.ip_mode) for item in record.ingress] == [("1.2.3.4", "Proxy")]
