"""Facts of a cluster from an API server that answers, refuses or hangs, path by path."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

from aiohttp import web

from tests.wao_core.kube.scripted import client_of
from wao_core.certificates.authority import issue, new_authority
from wao_core.kube.client import KubeClient
from wao_doctor.facts import Facts, Listed, Missing, Right, Server
from wao_doctor.gathering.cluster import ClusterFacts
from wao_doctor.settings import DoctorSettings

MAPS = "/api/v1/namespaces/wao-system/configmaps"
SECRETS = "/api/v1/namespaces/wao-system/secrets"
DEPLOYMENTS = "/apis/apps/v1/deployments"
SETTINGS = DoctorSettings(timeout=0.5)
LB = {
    "metadata": {"name": "wao-lb", "namespace": "wao-system"},
    "spec": {
        "replicas": 2,
        "template": {
            "spec": {
                "serviceAccountName": "wao-lb",
                "volumes": [{"name": "tls", "secret": {"secretName": "wao-lb-tls"}}],
            }
        },
    },
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Cluster:
    """Answers by path: JSON, a status, or never (None); an empty list for other paths."""

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = {"/version": {"gitVersion": "v1.37.2"}, **answers}
        self.reviewed: list[dict[str, Any]] = []
        self.time = 1_800_000_000.0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        answer = self.answers.get(request.path, {"kind": "List", "items": []})
        if answer is None:
            await asyncio.Event().wait()
        if callable(answer):
            answer = answer(json.loads(await request.read()))
        status = answer if isinstance(answer, int) else 200
        body = {"kind": "Status", "message": "scripted"} if isinstance(answer, int) else answer
        return web.json_response(body, status=status, headers={"Date": formatdate(self.time, usegmt=True)})


async def gathered(cluster: Cluster, *names: str, clock: float = 1_800_000_000.0) -> Facts:
    async with client_of(cluster.handle) as client:
        return await ClusterFacts(client, SETTINGS, clock=lambda: clock).gather(names)


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"kind": "ConfigMap", "metadata": {"name": name, "namespace": "wao-system"}, "data": data}


async def test_one_api_that_hangs_and_one_that_refuses_do_not_stop_the_others() -> None:
    cluster = Cluster(**{"/apis/metrics.k8s.io/v1beta1/nodes": None, "/api/v1/pods": 403})
    facts = await gathered(cluster, "node_metrics", "pods", "nodes", "services")
    assert isinstance(facts.nodes, Listed)
    assert isinstance(facts.services, Listed)
    assert isinstance(facts.node_metrics, Missing)
    assert "no answer in time" in facts.node_metrics.reason
    assert isinstance(facts.pods, Missing)
    assert "--clusterrole=wao-doctor" in facts.pods.remedy
    assert isinstance(facts.crds, Missing), "a fact that nobody needs is not read"


async def test_the_clock_of_the_api_server_counts() -> None:
    cluster = Cluster()
    facts = await gathered(cluster, clock=cluster.time - 100)
    assert isinstance(facts.server, Server)
    assert facts.server.version == "v1.37.2"
    assert facts.server.skew == 100.5  # the header has whole seconds
    assert facts.now == cluster.time + 0.5


async def test_what_answers_in_place_of_the_api_server_is_not_a_bug_of_ours() -> None:
    facts = await gathered(Cluster(**{"/version": ["a", "page"]}), "nodes")
    assert isinstance(facts.server, Missing)
    assert "GET /version: the answer is not a ServerVersion" in facts.server.reason
    assert "bug" not in facts.server.remedy


async def test_each_config_map_may_be_missing_on_its_own() -> None:
    cluster = Cluster(
        **{f"{MAPS}/wao-ca": config_map("wao-ca"), f"{MAPS}/wao-scheduler": 403, f"{MAPS}/wao-standby": 404}
    )
    facts = await gathered(cluster, "config_maps")
    assert not isinstance(facts.config_maps, Missing)
    held = {name: type(value).__name__ for name, value in facts.config_maps.items() if name.startswith("wao-system")}
    assert held["wao-system/wao-ca"] == "ConfigMap"
    assert held["wao-system/wao-scheduler"] == "Missing"
    assert held["wao-system/wao-standby"] == "NoneType"


async def test_rights_are_reviewed_for_the_accounts_of_installed_parts() -> None:
    reviewed = []

    def review(body: dict[str, Any]) -> dict[str, Any]:
        reviewed.append(body["spec"])
        wanted = body["spec"]["resourceAttributes"]
        return {"status": {"allowed": wanted["resource"] != "endpointslices"}}

    cluster = Cluster(
        **{
            DEPLOYMENTS: {"kind": "List", "items": [LB]},
            "/apis/authorization.k8s.io/v1/subjectaccessreviews": review,
        }
    )
    facts = await gathered(cluster, "rights", "refused")
    account = "wao-system/wao-lb"
    group = "discovery.k8s.io"
    assert facts.refused == tuple(Right(account, verb, group, "endpointslices") for verb in ("get", "list", "watch"))
    assert {spec["user"] for spec in reviewed} == {"system:serviceaccount:wao-system:wao-lb"}
    assert all("system:serviceaccounts:wao-system" in spec["groups"] for spec in reviewed)


async def test_without_the_right_to_review_one_request_is_enough() -> None:
    asked = []

    def refuse(body: dict[str, Any]) -> int:
        asked.append(body)
        return 403

    cluster = Cluster(
        **{
            DEPLOYMENTS: {"kind": "List", "items": [LB]},
            "/apis/authorization.k8s.io/v1/subjectaccessreviews": refuse,
        }
    )
    facts = await gathered(cluster, "rights", "refused")
    assert isinstance(facts.refused, Missing)
    assert len(asked) == 1


async def test_certificates_are_read_where_they_are_and_keys_are_not_kept() -> None:
    now = datetime.now(UTC)
    authority = new_authority(now)
    pair, other = issue(authority, ["wao-lb"], now), new_authority(now)
    encoded = {"tls.crt": base64.b64encode(pair.certificate).decode(), "tls.key": base64.b64encode(pair.key).decode()}
    registered = {
        "metadata": {"name": "v1beta2.custom.metrics.k8s.io"},
        "spec": {
            "group": "custom.metrics.k8s.io",
            "service": {"namespace": "wao-system", "name": "wao-metrics-api"},
            "caBundle": base64.b64encode(other.certificate).decode(),
        },
    }
    cluster = Cluster(
        **{
            f"{MAPS}/wao-ca": config_map("wao-ca", **{"ca.crt": authority.certificate.decode()}),
            "/api/v1/namespaces/wao-node/configmaps/wao-ca": 404,
            "/apis/apiregistration.k8s.io/v1/apiservices": {"kind": "List", "items": [registered]},
            DEPLOYMENTS: {"kind": "List", "items": [LB]},
            f"{SECRETS}/wao-lb-tls": {"metadata": {"name": "wao-lb-tls"}, "data": encoded},
        }
    )
    facts = await gathered(cluster, "certificates")
    assert not isinstance(facts.certificates, Missing)
    places = {item.place: item for item in facts.certificates}
    assert isinstance(places["ConfigMap wao-node/wao-ca"].certificates, Missing)
    assert not places["APIService v1beta2.custom.metrics.k8s.io"].agrees
    secret = places["Secret wao-system/wao-lb-tls"].certificates
    assert not isinstance(secret, Missing)
    assert secret[0].trusted
    assert encoded["tls.key"] not in repr(facts)


async def test_secrets_that_may_not_be_read_are_missing() -> None:
    cluster = Cluster(**{DEPLOYMENTS: {"kind": "List", "items": [LB]}, f"{SECRETS}/wao-lb-tls": 403})
    facts = await gathered(cluster, "certificates")
    assert not isinstance(facts.certificates, Missing)
    held = {item.place: item.certificates for item in facts.certificates}["Secret wao-system/wao-lb-tls"]
    assert isinstance(held, Missing)
    assert "as an administrator" in held.remedy


async def test_times_of_values_are_read_by_metric() -> None:
    path = "/apis/metrics.waok8s.github.io/v1beta2/nodes/*/"
    item = {"describedObject": {"name": "n1"}, "timestamp": "2026-11-01T00:00:00Z", "value": "21"}
    cluster = Cluster(**{f"{path}inlet_temp": {"items": [item]}, f"{path}delta_p": 404, f"{path}power_watts": {}})
    facts = await gathered(cluster, "samples")
    assert facts.samples == {"inlet_temp": {"n1": 1793491200.0}, "power_watts": {}}


async def test_an_answer_of_another_form_is_missing() -> None:
    cluster = Cluster(**{"/version": [1], "/apis/metrics.waok8s.github.io/v1beta2/nodes/*/inlet_temp": {"items": 5}})
    facts = await gathered(cluster, "samples")
    assert isinstance(facts.server, Missing)
    assert isinstance(facts.samples, Missing)


async def test_the_extender_in_the_configuration_is_probed() -> None:
    config = json.dumps(
        {"kind": "KubeSchedulerConfiguration", "extenders": [{"urlPrefix": "http://127.0.0.1:1/default", "weight": 1}]}
    )
    cluster = Cluster(**{f"{MAPS}/wao-kube-scheduler": config_map("wao-kube-scheduler", **{"config.yaml": config})})
    facts = await gathered(cluster, "probes")
    assert not isinstance(facts.probes, Missing)
    probe: Any = facts.probes["http://127.0.0.1:1/default"]
    assert probe.status is None


async def test_an_api_server_that_is_not_there_is_missing_in_every_fact() -> None:
    from kubernetes.aio.client import Configuration

    client = KubeClient(Configuration(host="http://127.0.0.1:1"))
    facts = await ClusterFacts(client, SETTINGS).gather(["nodes", "rights", "probes", "certificates"])
    await client.close()
    assert isinstance(facts.server, Missing)
    assert isinstance(facts.nodes, Missing)
    assert isinstance(facts.rights, Missing)


async def test_workloads_and_pods_with_the_label_of_wao_in_other_namespaces_do_not_count() -> None:
    """Anybody can create them: they would hide those of WAO, or have Secrets looked for."""
    other = {**LB, "metadata": {"name": "wao-lb", "namespace": "shop"}}
    pods = [{"metadata": {"name": "wao-lb-1", "namespace": space}} for space in ("shop", "wao-node")]
    cluster = Cluster(
        **{DEPLOYMENTS: {"kind": "List", "items": [LB, other]}, "/api/v1/pods": {"kind": "List", "items": pods}}
    )
    facts = await gathered(cluster, "workloads", "pods", "certificates")
    assert not isinstance(facts.workloads, Missing)
    assert not isinstance(facts.pods, Missing)
    assert not isinstance(facts.certificates, Missing)
    assert {item.metadata.namespace for item in facts.workloads.objects} == {"wao-system"}
    assert {item.metadata.namespace for item in facts.pods.objects} == {"wao-node"}
    assert not any("shop" in item.place for item in facts.certificates)


async def test_a_volume_with_a_name_that_no_secret_has_hides_no_other_certificate() -> None:
    volumes = [{"name": name, "secret": {"secretName": name}} for name in ("..", "a/b", "wao-lb-tls")]
    odd = {**LB, "spec": {"template": {"spec": {"volumes": volumes}}}}
    facts = await gathered(Cluster(**{DEPLOYMENTS: {"kind": "List", "items": [odd]}}), "certificates")
    assert not isinstance(facts.certificates, Missing)
    assert {"Secret wao-system/..", "Secret wao-system/wao-lb-tls"} <= {item.place for item in facts.certificates}


async def test_an_extender_whose_address_is_no_url_hides_no_other() -> None:
    extenders = [{"urlPrefix": url, "tlsConfig": {"serverName": "x"}} for url in ("http://[::1", "http://127.0.0.1:1")]
    config = json.dumps({"kind": "KubeSchedulerConfiguration", "extenders": extenders})
    cluster = Cluster(**{f"{MAPS}/wao-kube-scheduler": config_map("wao-kube-scheduler", **{"config.yaml": config})})
    facts = await gathered(cluster, "probes")
    assert not isinstance(facts.probes, Missing)
    assert isinstance(facts.probes["http://[::1"], Missing)
    assert not isinstance(facts.probes["http://127.0.0.1:1"], Missing)
