"""Odd but valid objects, and garbage from a proxy before the API server: all servers stay ready on a real cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest

from tests.cluster.bed.controlplane import ControlPlane, node, pod
from tests.cluster.bed.deployment import NAMESPACE, Container, Deployment
from tests.cluster.bed.program import wait_for
from tests.fakes.faulty_proxy import FaultyProxy
from tests.fakes.wrong_answers import WRONG, WRONG_LINES

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
PODS = "/api/v1/namespaces/default/pods"
CONFIGS = f"/apis/node.waok8s.github.io/v1beta1/namespaces/{NAMESPACE}/nodeconfigs"
TEMPLATES = f"/apis/node.waok8s.github.io/v1beta1/namespaces/{NAMESPACE}/nodeconfigtemplates"
SERVERS = ("wao-controller", "wao-metrics-api", "wao-scheduler", "wao-lb")
SUFFIXES = (
    "n",
    "u",
    "m",
    "",
    "k",
    "M",
    "G",
    "T",
    "P",
    "E",
    "Ki",
    "Mi",
    "Gi",
    "Ti",
    "Pi",
    "Ei",
    "e0",
    "E0",
    "e-3",
    "E+2",
)
NUMBERS = ("1", "+1", "0.5", ".5", "5.", "007", "1.000000001")
TEXTS = (
    "http://[::1",
    "https://bmc:99999",
    "https://bmc:-1",
    "https://bmc:port",
    "https://user:secret@bmc",
    "https://bmc/{{ .Hostname }}",
    "file:///etc/shadow",
    "//bmc",
    "https://",
    "https://\u0000bmc",
    "https://b\u00fccher.example",
    "https://" + "a" * 300,
    "https://" + "a." * 150 + "b",
    "https://xn--a",
    "https://169.254.169.254/latest",
    "https://0x7f.1",
    "https://[fe80::1%25eth0]",
    "../../etc/passwd",
    "\u202e\ud7ff\U0001f600",
    " ",
    "\t\r\n",
    "%00%ff%zz",
    "'\"><script>",
    "a" * 2000,
)
TYPES = ("Redfish", "DifferentialPressureAPI", "Prometheus", "Fake", "Nothing", "\u00e9")


@pytest.fixture(scope="module")
def proxy(bed: ControlPlane) -> Iterator[FaultyProxy]:
    pair = bed.ca.issue("proxy", hosts=("127.0.0.1",))
    with FaultyProxy(bed.url, bed.ca.file, pair.certificate, pair.key) as made:
        yield made


@pytest.fixture(scope="module")
def servers(bed: ControlPlane, proxy: FaultyProxy) -> Iterator[Mapping[str, Container]]:
    """All servers that have a Deployment; each reaches the API server through the proxy only."""
    deployment = Deployment(bed)
    deployment.apply()
    with ExitStack() as stack:
        stack.callback(deployment.stop)
        started = {}
        for name in SERVERS:
            more = ("--agent-check-port=0", "--port=0") if name == "wao-lb" else ()
            started[name] = deployment.start(name, *more, without=("--agent-check-port",), api=proxy.url)
        bed.admin.create("/api/v1/nodes", node("odd", labels={"odd": "text"}))
        wait_for(lambda: not unready(started), "all servers are ready", pause=0.5)
        yield started


def unready(servers: Mapping[str, Container]) -> dict[str, str]:
    """Return the servers that are not ready, or that logged a traceback."""
    found = {}
    for name, container in servers.items():
        answer = httpx2.get(f"{container.url}/readyz?verbose", verify=False, trust_env=False, timeout=10.0)
        if answer.status_code != 200:
            found[name] = answer.text
        if "Traceback" in container.text() or container.process.poll() is not None:
            found[name] = container.text()[-3000:]
    return found


def accepted(bed: ControlPlane, path: str, bodies: list[dict[str, Any]]) -> set[str]:
    """Create objects, and return the names of those that the API server accepts; some are not valid for it."""
    answers = {body["metadata"]["name"]: bed.admin.request("POST", path, body) for body in bodies}
    assert {answer.status_code for answer in answers.values()} <= {201, 400, 422}
    return {name for name, answer in answers.items() if answer.status_code == 201}


def quantity_pods() -> list[dict[str, Any]]:
    forms = [f"{number}{suffix}" for number in NUMBERS for suffix in SUFFIXES]
    return [pod(f"quantity-{number}", cpu=form, node_name="odd") for number, form in enumerate(forms)]


def odd_configs() -> list[dict[str, Any]]:
    """Return NodeConfigs with every odd text in every field that takes text."""
    found = []
    for number, text in enumerate(TEXTS):
        sensor = {"type": TYPES[number % len(TYPES)], "endpoint": text, "fetchInterval": "1s"}
        secret = {"type": "Redfish", "endpoint": "https://bmc", "basicAuthSecret": {"name": text[:200]}}
        model = {"type": ("Onnx", "V2InferenceProtocol", "Redfish", text)[number % 4], "endpoint": text}
        for kind, collector, predictor in (
            ("sensor", {"inletTemp": sensor, "deltaP": sensor}, {}),
            ("secret", {"inletTemp": secret, "deltaP": secret}, {}),
            ("model", {"inletTemp": {"type": "Fake", "endpoint": ""}, "deltaP": sensor}, {"powerConsumption": model}),
            ("type", {"inletTemp": {"type": text, "endpoint": ""}, "deltaP": sensor}, {"powerConsumption": model}),
        ):
            spec = {
                "nodeName": "odd" if kind != "type" else text,
                "metricsCollector": collector,
                "predictor": predictor,
            }
            found.append(
                {
                    "apiVersion": "node.waok8s.github.io/v1beta1",
                    "kind": "NodeConfig",
                    "metadata": {"name": f"odd-{kind}-{number}"},
                    "spec": spec,
                }
            )
    return found


def odd_templates() -> list[dict[str, Any]]:
    """Return templates whose endpoint is an odd text, or a template that asks for too much."""
    greedy = [
        '{{ printf "%[2]*[1]d" 1 999999999 }}',
        "{{ .Nope }}",
        "{{",
        '{{ define "a" }}{{ template "a" }}{{ end }}',
    ]
    found = []
    for number, text in enumerate([*TEXTS, *greedy]):
        sensor = {"type": "Redfish", "endpoint": text}
        body = {"metricsCollector": {"inletTemp": sensor, "deltaP": sensor}, "predictor": {}}
        found.append(
            {
                "apiVersion": "node.waok8s.github.io/v1beta1",
                "kind": "NodeConfigTemplate",
                "metadata": {"name": f"odd-{number}"},
                "spec": {"nodeSelector": {"matchLabels": {"odd": "text"}}, "template": body},
            }
        )
    return found


def test_a_pod_with_every_legal_quantity_form_leaves_all_servers_ready(
    bed: ControlPlane, servers: Mapping[str, Container]
) -> None:
    names = accepted(bed, PODS, quantity_pods())
    assert len(names) > 100, names
    bed.admin.create("/api/v1/nodes", node("after-quantities"))
    wait_for(lambda: not unready(servers), "all servers are ready", pause=0.5)
    bed.admin.delete_all(f"{PODS}/{name}?gracePeriodSeconds=0" for name in names)
    assert not unready(servers)


def test_a_node_config_with_every_odd_text_leaves_all_servers_ready(
    bed: ControlPlane, servers: Mapping[str, Container]
) -> None:
    names = accepted(bed, CONFIGS, odd_configs())
    templates = accepted(bed, TEMPLATES, odd_templates())
    assert len(names) > 40, names
    assert len(templates) > 10, templates
    bed.admin.create(TEMPLATES, good_template("after-odd-texts", node_label="good"))
    bed.admin.create("/api/v1/nodes", node("good", labels={"odd": "good"}))
    wait_for(lambda: is_read(bed, "after-odd-texts"), "a good NodeConfig that follows is read", pause=0.5)
    wait_for(lambda: not without_status(bed, names), "a status of each", pause=0.5)
    assert not unready(servers)
    bed.admin.delete_all(f"{CONFIGS}/{name}" for name in names)
    bed.admin.delete_all(f"{TEMPLATES}/{name}" for name in templates)


@pytest.mark.parametrize("fault", [*WRONG, *WRONG_LINES])
def test_garbage_from_a_proxy_leaves_all_servers_ready_and_is_forgotten(
    fault: str, bed: ControlPlane, proxy: FaultyProxy, servers: Mapping[str, Container]
) -> None:
    proxy.give(fault)
    try:
        wait_for(lambda: proxy.wrong[fault] >= 2 * len(SERVERS), "all servers get it")
        assert not unready(servers)
    finally:
        proxy.give("")
    wait_for(lambda: not unready(servers), "all servers are ready", pause=0.5)


def test_after_all_garbage_the_servers_follow_the_cluster(bed: ControlPlane, servers: Mapping[str, Container]) -> None:
    bed.admin.create(TEMPLATES, good_template("after-garbage", node_label="last"))
    bed.admin.create("/api/v1/nodes", node("last", labels={"odd": "last"}))
    wait_for(lambda: is_read(bed, "after-garbage"), "controller and metrics API work", pause=0.5)
    assert not unready(servers)


def good_template(name: str, *, node_label: str) -> dict[str, Any]:
    """Return a template with values of its own for the nodes with this label."""
    collector = {
        "inletTemp": {"type": "Fake", "endpoint": "", "value": 20.0, "fetchInterval": "1s"},
        "deltaP": {"type": "Fake", "endpoint": "", "value": 7.0},
    }
    body = {"metricsCollector": collector, "predictor": {}}
    return {
        "apiVersion": "node.waok8s.github.io/v1beta1",
        "kind": "NodeConfigTemplate",
        "metadata": {"name": name},
        "spec": {"nodeSelector": {"matchLabels": {"odd": node_label}}, "template": body},
    }


def without_status(bed: ControlPlane, names: set[str]) -> set[str]:
    """Return the NodeConfigs of these that say nothing in their status, whether they can be used or not."""
    items = [item for item in bed.admin.get(CONFIGS)["items"] if item["metadata"]["name"] in names]
    return {item["metadata"]["name"] for item in items if not (item.get("status") or {}).get("conditions")}


def is_read(bed: ControlPlane, template: str) -> bool:
    """Return whether a NodeConfig of a template shows a temperature in its status."""
    for item in bed.admin.get(CONFIGS)["items"]:
        if item["metadata"]["name"].startswith(f"{template}-"):
            metrics = (item.get("status") or {}).get("metrics", [])
            return any(each.get("name") == "inlet_temp" and each.get("value") for each in metrics)
    return False
