"""The components: each builds with the default installation, alone and together, and does what its comment says."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from release.kustomize import MANIFESTS, Overlay, build, objects
from wao_core.certificates.authority import service_hosts
from wao_lb.outputs.cilium_writer import LEASE

COMPONENTS = sorted(path.parent.name for path in MANIFESTS.glob("components/*/kustomization.yaml"))
TOGETHER = ("rebalance", "standby", "ui", "monitoring", "cert-manager", "network-policies", "ha")
"""All that can be used at once; ha is last, as its comment says."""

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is needed to build the manifests")


@pytest.fixture(scope="module")
def together() -> list[dict[str, Any]]:
    return objects(build(Overlay(components=TOGETHER)))


def of_kind(found: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [item for item in found if item["kind"] in kinds]


def names(found: list[dict[str, Any]]) -> set[str]:
    return {item["metadata"]["name"] for item in found}


def test_every_component_is_tested() -> None:
    assert set(COMPONENTS) == {*TOGETHER, "lb-only", "scheduler-only", "own-group", "delegate", "cilium"}


@pytest.mark.parametrize(
    ("component", "left_out"),
    [("lb-only", {"wao-scheduler", "wao-kube-scheduler"}), ("scheduler-only", {"wao-lb", "wao-lb-agent"})],
)
def test_a_part_alone_leaves_the_other_one_out_and_no_binding_without_a_role(
    component: str, left_out: set[str]
) -> None:
    found = objects(build(Overlay(components=(component,))))
    assert not names(found) & left_out
    accounts = names(of_kind(found, "ServiceAccount"))
    roles = names(of_kind(found, "Role", "ClusterRole"))
    for binding in of_kind(found, "RoleBinding", "ClusterRoleBinding"):
        assert {subject["name"] for subject in binding["subjects"]} <= accounts
        role = binding["roleRef"]["name"]
        assert role in roles or not role.startswith("wao-")


def test_ha_has_three_replicas_of_every_server_on_nodes_of_their_own(together: list[dict[str, Any]]) -> None:
    deployments = of_kind(together, "Deployment")
    assert {"wao-rebalance", "wao-standby", "wao-controller"} < names(deployments)
    for item in deployments:
        nodes, zones = item["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert item["spec"]["replicas"] == 3
        assert nodes["whenUnsatisfiable"] == "DoNotSchedule"
        assert zones["topologyKey"] == "topology.kubernetes.io/zone"
        # the pods of other servers do not count
        assert zones["matchLabelKeys"] == ["app.kubernetes.io/name"]
        assert "app.kubernetes.io/name" in item["spec"]["template"]["metadata"]["labels"]
    budgets = of_kind(together, "PodDisruptionBudget")
    assert names(budgets) == names(deployments)
    assert {item["spec"]["minAvailable"] for item in budgets} == {2}


def test_cert_manager_issues_every_certificate_that_is_mounted(together: list[dict[str, Any]]) -> None:
    certificates = {item["spec"]["secretName"]: item["spec"] for item in of_kind(together, "Certificate")}
    mounted = {
        volume["secret"]["secretName"]
        for item in of_kind(together, "Deployment", "DaemonSet")
        for volume in item["spec"]["template"]["spec"].get("volumes", [])
        if "secret" in volume
    }
    assert mounted <= set(certificates)
    assert certificates["wao-kube-scheduler-tls"]["usages"] == ["client auth"]
    for name in ("wao-metrics-api", "wao-scheduler", "wao-lb", "wao-rebalance", "wao-ui"):
        assert certificates[f"{name}-tls"]["dnsNames"] == service_hosts(name, "wao-system")


def test_with_cert_manager_the_controller_publishes_its_authority(together: list[dict[str, Any]]) -> None:
    (controller,) = [item for item in of_kind(together, "Deployment") if item["metadata"]["name"] == "wao-controller"]
    pod = controller["spec"]["template"]["spec"]
    (file,) = [flag.partition("=")[2] for flag in pod["containers"][0]["args"] if flag.startswith("--authority-file=")]
    (mount,) = [item for item in pod["containers"][0]["volumeMounts"] if file.startswith(item["mountPath"])]
    (volume,) = [item for item in pod["volumes"] if item["name"] == mount["name"]]
    # no key: the volume has the authority alone
    assert volume["secret"]["items"] == [{"key": "ca.crt", "path": "ca.crt"}]


def test_network_policies_deny_what_no_policy_admits_and_let_servers_reach_what_they_read(
    together: list[dict[str, Any]],
) -> None:
    policies = of_kind(together, "NetworkPolicy")
    denied = {item["metadata"]["namespace"] for item in policies if item["spec"]["podSelector"] == {}}
    assert denied == {"wao-system", "wao-bmc", "wao-pki"}
    (anywhere,) = [item["spec"] for item in policies if item["metadata"]["name"] == "wao-connect-endpoints"]
    (expression,) = anywhere["podSelector"]["matchExpressions"]
    servers = names(of_kind(together, "Deployment"))
    # the controller, kube-scheduler and the page connect to the API server and to our servers only
    assert set(expression["values"]) == servers - {"wao-controller", "wao-kube-scheduler", "wao-ui"}


def test_our_own_group_leaves_the_registration_of_another_adapter_alone() -> None:
    found = objects(build(Overlay(components=("own-group",))))
    assert names(of_kind(found, "APIService")) == {"v1beta2.metrics.waok8s.github.io"}


def test_a_delegate_gets_the_token_of_an_account_that_only_reads_custom_metrics() -> None:
    found = objects(build(Overlay(components=("delegate",))))
    (server,) = [item for item in of_kind(found, "Deployment") if item["metadata"]["name"] == "wao-metrics-api"]
    pod = server["spec"]["template"]["spec"]
    (file,) = [
        flag.partition("=")[2] for flag in pod["containers"][0]["args"] if flag.startswith("--delegate-token-file=")
    ]
    (mount,) = [item for item in pod["containers"][0]["volumeMounts"] if file.startswith(item["mountPath"])]
    (volume,) = [item for item in pod["volumes"] if item["name"] == mount["name"]]
    (secret,) = [
        item for item in of_kind(found, "Secret") if item["metadata"]["name"] == volume["secret"]["secretName"]
    ]
    account = secret["metadata"]["annotations"]["kubernetes.io/service-account.name"]
    bindings = [
        item
        for item in of_kind(found, "ClusterRoleBinding", "RoleBinding")
        if account in {subject["name"] for subject in item["subjects"]}
    ]
    (role,) = [item for item in of_kind(found, "ClusterRole") if item["metadata"]["name"] == account]
    assert [binding["roleRef"]["name"] for binding in bindings] == [account]
    assert [(rule["apiGroups"], rule["verbs"]) for rule in role["rules"]] == [
        (["custom.metrics.k8s.io"], ["get", "list"])
    ]


def test_cilium_lets_the_weight_service_write_slices_and_hold_one_lease() -> None:
    found = objects(build(Overlay(components=("cilium",))))
    (server,) = [item for item in of_kind(found, "Deployment") if item["metadata"]["name"] == "wao-lb"]
    assert server["spec"]["template"]["spec"]["containers"][0]["args"][-2:] == ["--cilium", "--proxy-name="]
    (everywhere,) = [item for item in of_kind(found, "ClusterRole") if item["metadata"]["name"] == "wao-lb-cilium"]
    assert [(rule["resources"], rule["verbs"]) for rule in everywhere["rules"]] == [
        (["endpointslices"], ["create", "patch", "delete"])
    ]
    (own,) = [item for item in of_kind(found, "Role") if item["metadata"]["name"] == "wao-lb-cilium"]
    assert own["metadata"]["namespace"] == "wao-system"
    assert own["rules"][1]["resourceNames"] == [LEASE]
