"""On a real control plane, no credential is in a status, an Event, a metric, an answer or a log of ours."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from tests.cluster.bed.controlplane import ControlPlane, node
from tests.cluster.bed.deployment import GROUP, Deployment
from tests.cluster.bed.program import wait_for
from tests.fakes.planted import IN_URL, PASSWORD, USER, Echo, assert_clean

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
CREDENTIALS = "wao-bmc"
OURS = f"/apis/node.waok8s.github.io/v1beta1/namespaces/{CREDENTIALS}"
TYPES = ("Redfish", "DifferentialPressureAPI", "Prometheus")


@contextmanager
def echoing() -> Iterator[tuple[Echo, int]]:
    """Run a server of wrong answers in a thread; yield it and its port."""
    echo, ports, done, ready = Echo(), [], threading.Event(), threading.Event()

    async def main() -> None:
        async with await asyncio.start_server(echo.serve, "127.0.0.1", 0) as server:
            ports.append(int(server.sockets[0].getsockname()[1]))
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    try:
        assert ready.wait(30)
        yield echo, ports[0]
    finally:
        done.set()
        thread.join(30)


def spec(name: str, kind: str, url: str) -> dict[str, Any]:
    """Return a NodeConfig's spec with sensors and a model at a URL; templates are allowed."""
    term = {"endpoint": url, "basicAuthSecret": {"name": "login"}, "fetchInterval": "1s"}
    query = {"query": "up"} if kind == "Prometheus" else {}
    inlet = "Redfish" if kind == "DifferentialPressureAPI" else kind
    return {
        "nodeName": name,
        "metricsCollector": {"inletTemp": {**term, "type": inlet, **query}, "deltaP": {**term, "type": kind, **query}},
        "predictor": {"powerConsumption": {**term, "type": "V2InferenceProtocol", "endpoint": f"{url}/v2/models/m"}},
    }


def create_all(bed: ControlPlane, port: int) -> int:
    """Create nodes, Secrets, NodeConfigs and templates; return the number of NodeConfigs."""
    secrets = f"/api/v1/namespaces/{CREDENTIALS}/secrets"
    login = {"username": USER, "password": PASSWORD}
    bed.admin.create(secrets, {"metadata": {"name": "login", "labels": {"team": "x"}}, "stringData": login})
    urls = (f"http://127.0.0.1:{port}", f"http://{USER}:{IN_URL}@127.0.0.1:{port}", f"http://x:{IN_URL}@[::1")
    places = [(kind, url) for kind in TYPES for url in urls]
    kinds = {"apiVersion": "node.waok8s.github.io/v1beta1"}
    for row, (kind, url) in enumerate(places):
        bed.admin.create("/api/v1/nodes", node(f"s-{row}", labels={"set": f"s{row}"}))
        body = {**kinds, "kind": "NodeConfig", "metadata": {"name": f"s-{row}"}, "spec": spec(f"s-{row}", kind, url)}
        bed.admin.create(f"{OURS}/nodeconfigs", body)
    broken = {"nodeSelector": {"matchLabels": {"set": "s0"}}, "template": spec("", "Redfish", "{{ .Nothing }}")}
    body = {**kinds, "kind": "NodeConfigTemplate", "metadata": {"name": "broken"}, "spec": broken}
    bed.admin.create(f"{OURS}/nodeconfigtemplates", body)
    return len(places)


def everything(bed: ControlPlane, deployment: Deployment) -> Iterator[str]:
    """Yield what the cluster shows of ours, and what our servers answer and log."""
    for plural in ("nodeconfigs", "nodeconfigtemplates"):
        for item in bed.admin.get(f"{OURS}/{plural}")["items"]:
            yield json.dumps(item.get("status") or {})
    for path in ("/api/v1/events", "/apis/events.k8s.io/v1/events"):
        yield json.dumps(bed.admin.get(path))
    for metric in ("inlet_temp", "delta_p", "predicted_watts"):
        yield bed.admin.request("GET", f"/apis/{GROUP}/v1beta2/nodes/*/{metric}").text
        yield bed.admin.request("GET", f"/apis/{GROUP}/v1beta2/nodes/s-0/{metric}").text
    unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    with httpx2.Client(verify=unverified, trust_env=False, timeout=20) as client:
        for container in deployment.running:
            for path in ("/metrics", "/readyz?verbose", "/livez?verbose", "/v1/decisions", "/debug/nodes/s-0"):
                yield client.get(f"https://127.0.0.1:{container.port}{path}").text
    for container in deployment.running:
        yield container.text()


def test_no_credential_is_shown_by_the_cluster_or_by_our_servers(bed: ControlPlane) -> None:
    with echoing() as (echo, port):
        deployment = Deployment(bed)
        deployment.apply()
        try:
            number = create_all(bed, port)
            deployment.start("wao-controller", "--log-level", "debug")
            api = deployment.start("wao-metrics-api", "--endpoint-network", "127.0.0.0/8", "--log-level", "debug")
            deployment.route("wao-metrics-api", api)
            wait_for(deployment.available, "the API is available")
            deployment.start("wao-scheduler", "--endpoint-network", "127.0.0.0/8", "--log-level", "debug")
            wait_for(lambda: echo.requests >= 16 and echo.credentials, "the wrong answers were given")

            def reported() -> bool:
                items = bed.admin.get(f"{OURS}/nodeconfigs")["items"]
                conditions = [item.get("status", {}).get("conditions") for item in items]
                return len([found for found in conditions if found]) >= number

            wait_for(reported, "every NodeConfig has a status")
            wait_for(lambda: "broken" in json.dumps(bed.admin.get("/api/v1/events")), "an Event on the template")
            shown = list(everything(bed, deployment))
        finally:
            deployment.stop()
        shown += [container.text() for container in deployment.running]
    assert f"{USER}:{PASSWORD}" in echo.credentials, "the credentials were not used, so the test shows nothing"
    assert any("401" in text or "refused" in text for text in shown)
    assert_clean(shown)
