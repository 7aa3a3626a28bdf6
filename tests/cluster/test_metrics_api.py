"""The metrics API behind the real aggregator: discovery, values, and who may read them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.bed.command import Wao
from tests.cluster.bed.controlplane import ControlPlane, node
from tests.cluster.bed.program import BedError, wait_for
from tests.cluster.conftest import kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
GROUP = "custom.metrics.k8s.io"
BASE = "/apis/node.waok8s.github.io/v1beta1/namespaces/wao-system"
RAW = f"/apis/{GROUP}/v1beta2/nodes/*/inlet_temp"


@pytest.fixture(scope="module")
def api(bed: ControlPlane) -> Iterator[Wao]:
    """Two nodes with fixed sensors, and the metrics API registered for both versions."""
    for number in (1, 2):
        name = f"m-{number}"
        bed.admin.create("/api/v1/nodes", node(name, labels={"site": f"s{number}"}))
        collector = {
            "inletTemp": {"type": "Fake", "endpoint": "", "value": 20.0 + number},
            "deltaP": {"type": "Fake", "endpoint": "", "value": 7.5},
        }
        spec = {"nodeName": name, "metricsCollector": collector, "predictor": {}}
        metadata = {"name": name}
        kind = {"apiVersion": "node.waok8s.github.io/v1beta1", "kind": "NodeConfig"}
        bed.admin.create(f"{BASE}/nodeconfigs", {**kind, "metadata": metadata, "spec": spec})
    pair = bed.service_ca.issue("wao-metrics-api", hosts=("wao-metrics-api.wao-system.svc", "localhost", "127.0.0.1"))
    made = Wao(bed, "metrics-api", "--tls-cert-file", str(pair.certificate), "--tls-private-key-file", str(pair.key))
    port = int(made.url.rpartition(":")[2])
    for version in ("v1beta1", "v1beta2"):
        bed.register_api(GROUP, version, service="wao-metrics-api", namespace="wao-system", port=port)
    yield made
    made.stop()


def values(bed: ControlPlane, path: str = RAW) -> dict[str, str]:
    document = json.loads(kubectl(bed, "get", "--raw", path))
    return {item["describedObject"]["name"]: item["value"] for item in document["items"]}


def test_values_come_through_the_aggregator(bed: ControlPlane, api: Wao) -> None:
    wait_for(lambda: {"m-1", "m-2"} <= set(values(bed)), "both nodes have a value")
    assert values(bed)["m-1"] == "21"
    assert values(bed, f"/apis/{GROUP}/v1beta1/nodes/m-2/delta_p") == {"m-2": "7500m"}
    assert values(bed, f"{RAW}?labelSelector=site%3Ds2") == {"m-2": "22"}


def test_the_path_of_an_hpa_for_a_node_is_served(bed: ControlPlane, api: Wao) -> None:
    path = f"/apis/{GROUP}/v1beta2/namespaces/default/nodes/m-1/inlet_temp"
    assert values(bed, path) == {"m-1": "21"}


def test_discovery_lists_our_metrics(bed: ControlPlane, api: Wao) -> None:
    assert f"{GROUP}/v1beta2" in kubectl(bed, "api-versions")
    listed = json.loads(kubectl(bed, "get", "--raw", f"/apis/{GROUP}/v1beta2"))["resources"]
    assert {"nodes/inlet_temp", "nodes/delta_p"} <= {item["name"] for item in listed}


def test_kubectl_knows_all_resources_and_ours_by_their_short_names(bed: ControlPlane, api: Wao) -> None:
    """A discovery document that is wrong anywhere makes kubectl complain, and `nodes` may be there only once."""
    rows = [line.split() for line in kubectl(bed, "api-resources").splitlines()]
    assert [row[1] for row in rows if row[0] == "nodeconfigs"] == ["nc"]
    assert [row[1] for row in rows if row[0] == "nodeconfigtemplates"] == ["nct"]
    assert [row[-1] for row in rows if row[0] == "nodes" and "metrics.k8s.io" not in row[-3]] == ["Node"]


def denied(bed: ControlPlane, user: str) -> str:
    config = bed.config_for(user)
    command = ["kubectl", "--kubeconfig", str(config), "get", "--raw", RAW]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.stderr if done.returncode else ""


def test_a_user_without_the_right_is_refused_and_one_with_it_is_not(bed: ControlPlane, api: Wao) -> None:
    assert "forbidden" in denied(bed, "mallory")
    rule: dict[str, Any] = {"apiGroups": [GROUP], "resources": ["nodes/inlet_temp"], "verbs": ["get"]}
    rbac = {"apiVersion": "rbac.authorization.k8s.io/v1"}
    bed.admin.create(
        "/apis/rbac.authorization.k8s.io/v1/clusterroles",
        {**rbac, "kind": "ClusterRole", "metadata": {"name": "read-inlet"}, "rules": [rule]},
    )
    bed.admin.create(
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        {
            **rbac,
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "read-inlet"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "read-inlet"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "alice"}],
        },
    )
    wait_for(lambda: denied(bed, "alice") == "", "alice may read", pause=0.5)


def test_the_status_of_a_node_config_shows_what_is_collected(bed: ControlPlane, api: Wao) -> None:
    def ready() -> bool:
        status = bed.admin.get(f"{BASE}/nodeconfigs/m-1").get("status") or {}
        conditions = {item["type"]: item["status"] for item in status.get("conditions", [])}
        return conditions.get("Collecting") == "True"

    wait_for(ready, "the status")
    metrics = bed.admin.get(f"{BASE}/nodeconfigs/m-1")["status"]["metrics"]
    assert {item["name"]: item.get("value") for item in metrics}["inlet_temp"] == "21"


def test_a_namespace_is_deleted_while_we_are_down(bed: ControlPlane, api: Wao) -> None:
    """Last of the module: it ends the metrics API.

    The namespace controller deletes no namespace while discovery reports a group version as stale, and kube-aggregator
    (handler_discovery.go) reports one as stale once it cannot fetch its discovery, which it tries every minute and
    whenever an APIService changes. So the namespace goes at once if the fetch is not yet due, and otherwise says why it
    waits, until the APIServices are removed.
    """
    bed.admin.create("/api/v1/namespaces", {"metadata": {"name": "going"}})
    api.stop(kill=True)
    bed.admin.delete("/api/v1/namespaces/going")
    gone = lambda: bed.admin.request("GET", "/api/v1/namespaces/going").status_code == 404  # noqa: E731
    try:
        wait_for(gone, "the namespace is gone", seconds=60.0)
    except BedError:
        conditions = bed.admin.get("/api/v1/namespaces/going")["status"]["conditions"]
        assert {"NamespaceDeletionDiscoveryFailure"} <= {
            item["type"] for item in conditions if item["status"] == "True"
        }
    finally:
        for version in ("v1beta1", "v1beta2"):
            bed.admin.delete(f"/apis/apiregistration.k8s.io/v1/apiservices/{version}.{GROUP}")
    wait_for(gone, "the namespace is gone without the APIServices")
