"""What is deployed: valid for the API, restricted, with flags that exist, least rights, and a reason next to each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import typer
import yaml

from tests.manifests.groups import FOREIGN
from wao_predict.cli import build

MANIFESTS = Path(__file__).parents[2] / "manifests"
FILES = sorted(path for path in MANIFESTS.rglob("*.yaml") if path.name != "kustomization.yaml")
BUILT_IN = {"system:auth-delegator", "extension-apiserver-authentication-reader", "system:kube-scheduler",
            "system:volume-scheduler"}  # fmt: skip
PRIVILEGED = {"wao-lb-agent"}
"""Changes the node's packet filter: hostNetwork and NET_ADMIN, which the restricted profile refuses."""
OPTIONAL = {"monitoring", "rebalance", "standby", "ui"}
"""Folders that are applied on their own or as components."""
ADDED = {"monitoring", "network-policies"}
"""Components with NetworkPolicies in addition to that of each server."""
FORWARDS = "wao-metrics-delegate"
"""May read custom metrics of any name: the other adapter invents the names."""
STOCK = {"wao-kube-scheduler"}
"""Runs an image of Kubernetes, not ours."""


@cache
def parsed(path: Path) -> list[dict[str, Any]]:
    """The documents of a file; parsing them all takes a second, and nearly every test looks at them."""
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def documents(kind: str = "") -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in FILES:
        for document in parsed(path):
            if not kind or document["kind"] == kind:
                yield path, document


def workloads() -> list[Any]:
    found = [document for kind in ("Deployment", "DaemonSet") for _, document in documents(kind)]
    return [pytest.param(item, id=item["metadata"]["name"]) for item in found]


def pod_of(workload: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = workload["spec"]["template"]["spec"]
    return spec


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(MANIFESTS)))
def test_each_document_is_valid_for_the_api(path: Path) -> None:
    for document in parsed(path):
        if not document["apiVersion"].startswith(FOREIGN):  # test_monitoring.py, test_components.py, tests/interop
            kubernetes_validate.validate(document, "1.36", strict=True)


def test_each_folder_lists_all_its_files_and_the_root_all_but_the_optional_parts() -> None:
    for kustomization in MANIFESTS.rglob("kustomization.yaml"):
        listed = set(yaml.safe_load(kustomization.read_text()).get("resources", []))
        there = {path.name for path in kustomization.parent.glob("*.yaml")} - {"kustomization.yaml"}
        there |= {path.parent.name for path in kustomization.parent.glob("*/kustomization.yaml")}
        there -= OPTIONAL
        assert there <= listed


@pytest.mark.parametrize("workload", workloads())
def test_each_workload_is_restricted(workload: dict[str, Any]) -> None:
    pod, name = pod_of(workload), workload["metadata"]["name"]
    containers = pod["containers"] + pod.get("initContainers", [])
    for container in containers:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"]["drop"] == ["ALL"]
        assert not context.get("privileged")
        if name not in PRIVILEGED:
            assert not context["capabilities"].get("add")
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    if name not in PRIVILEGED:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 65532
        assert not pod.get("hostNetwork")
        assert all("hostPath" not in volume for volume in pod.get("volumes", []))


def test_the_node_agent_has_one_capability_and_a_namespace_that_allows_it() -> None:
    (agent,) = (item.values[0] for item in workloads() if item.id in PRIVILEGED)
    (container,) = pod_of(agent)["containers"]
    assert ["NET_ADMIN"] == container["securityContext"]["capabilities"]["add"]
    assert all("hostPath" not in volume for volume in pod_of(agent)["volumes"])
    for _, namespace in documents("Namespace"):
        allowed = namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        alone = namespace["metadata"]["name"] == agent["metadata"]["namespace"]
        assert allowed == ("privileged" if alone else "restricted")
    inside = {item.id for item in workloads() if item.values[0]["metadata"]["namespace"] == "wao-node"}
    assert PRIVILEGED == inside


@pytest.mark.parametrize("workload", workloads())
def test_each_workload_has_probes_requests_and_a_memory_limit(workload: dict[str, Any]) -> None:
    for container in pod_of(workload)["containers"]:
        assert {"livenessProbe", "readinessProbe"} <= set(container)
        assert {"cpu", "memory"} <= set(container["resources"]["requests"])
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("workload", workloads())
def test_each_deployment_survives_the_drain_of_a_node(workload: dict[str, Any]) -> None:
    if workload["kind"] != "Deployment":
        return
    labels = workload["spec"]["template"]["metadata"]["labels"]
    budgets = [item for _, item in documents("PodDisruptionBudget")]
    assert any(item["spec"]["selector"]["matchLabels"].items() <= labels.items() for item in budgets)
    assert workload["spec"]["replicas"] >= 2


@pytest.mark.parametrize("workload", [item for item in workloads() if item.id not in STOCK])
def test_each_flag_is_one_that_the_command_has(workload: dict[str, Any]) -> None:
    for container in pod_of(workload)["containers"]:
        assert container["image"] == "wao:0.1.0"
        name, *arguments = [re.sub(r"\$\(\w+\)", "value", argument) for argument in container["args"]]
        group = typer.main.get_command(build())
        command = group.get_command(typer.Context(group), name)  # type: ignore[attr-defined]
        assert command is not None, name
        if hasattr(command, "commands"):
            command, name, arguments = command.commands[arguments[0]], arguments[0], arguments[1:]
        command.make_context(name, arguments)  # an unknown flag raises


def test_each_right_has_a_reason_next_to_it() -> None:
    for path in FILES:
        for text in path.read_text().split("\n---\n"):
            if not re.search(r"^kind: (Cluster)?Role$", text, re.MULTILINE):
                continue
            lines = text.splitlines()
            rules = [number for number, line in enumerate(lines) if line.startswith("- apiGroups")]
            # a role of one rule may have its reason above the whole document
            alone = len(rules) == 1 and lines[0].startswith("# ")
            assert alone or all(lines[number - 1].startswith("#") for number in rules), f"{path}: {text[:200]}"


def test_no_right_is_a_wildcard_and_no_secret_is_listed() -> None:
    for kind in ("Role", "ClusterRole"):
        for path, role in documents(kind):
            for rule in role["rules"]:
                named = [] if role["metadata"]["name"] == FORWARDS else rule.get("resources", [])
                assert "*" not in rule["verbs"] + named + rule.get("apiGroups", []), path
                if "secrets" in rule.get("resources", []):
                    assert set(rule["verbs"]) <= {"get", "create", "patch"}, path
                    assert rule.get("resourceNames") or rule["verbs"] == ["get"], path


def test_a_server_cannot_read_the_key_of_a_serving_certificate() -> None:
    """The controller issues them, and has rights by name; the servers read credentials where there are no keys."""
    running = {item.values[0]["metadata"]["namespace"] for item in workloads()}
    readers = {
        role["metadata"]["name"]
        for kind in ("Role", "ClusterRole")
        for _, role in documents(kind)
        for rule in role["rules"]
        if "secrets" in rule.get("resources", []) and role["metadata"]["name"] != "wao-controller"
    }
    bound = [item for kind in ("RoleBinding", "ClusterRoleBinding") for _, item in documents(kind)]
    places = {item["metadata"].get("namespace") for item in bound if item["roleRef"]["name"] in readers}
    assert places == {"wao-bmc", "wao-power"}
    assert not places & (running | {"wao-pki"})
    assert places <= {item["metadata"]["name"] for _, item in documents("Namespace")}


def test_only_standby_can_read_the_accounts_that_switch_power() -> None:
    bound = [item for kind in ("RoleBinding", "ClusterRoleBinding") for _, item in documents(kind)]
    inside = {item["subjects"][0]["name"] for item in bound if item["metadata"].get("namespace") == "wao-power"}
    assert inside == {"wao-standby"}
    elsewhere = {item["roleRef"]["name"] for item in bound if item["subjects"][0]["name"] == "wao-standby"}
    assert "wao-credentials-reader" not in elsewhere


def test_each_binding_is_of_a_role_and_an_account_that_are_there() -> None:
    roles = {role["metadata"]["name"] for kind in ("Role", "ClusterRole") for _, role in documents(kind)}
    accounts = {(item["metadata"]["namespace"], item["metadata"]["name"]) for _, item in documents("ServiceAccount")}
    used = set()
    for kind in ("RoleBinding", "ClusterRoleBinding"):
        for path, binding in documents(kind):
            assert binding["roleRef"]["name"] in roles | BUILT_IN, path
            for subject in binding["subjects"]:
                used.add((subject["namespace"], subject["name"]))
    assert used <= accounts
    for workload in workloads():
        item = workload.values[0]
        assert (item["metadata"]["namespace"], pod_of(item)["serviceAccountName"]) in accounts


def test_the_controller_issues_what_the_servers_mount_and_may_write_nothing_else() -> None:
    controller = next(item.values[0] for item in workloads() if item.id == "wao-controller")
    flags = [flag.partition("=") for flag in pod_of(controller)["containers"][0]["args"]]
    issued = {f"{value}-tls" for flag, _, value in flags if flag in ("--serving-certificate", "--client-certificate")}
    mounted = {
        volume["secret"]["secretName"]
        for item in workloads()
        for volume in pod_of(item.values[0]).get("volumes", [])
        if "secret" in volume
    }
    assert mounted <= issued
    allowed = {
        name
        for _, role in documents("Role")
        for rule in role["rules"]
        if role["metadata"] == {"name": "wao-controller", "namespace": "wao-system"} and "secrets" in rule["resources"]
        for name in rule["resourceNames"]
    }
    assert allowed == issued
    registered = {item["metadata"]["name"] for _, item in documents("APIService")}
    assert registered == {value for flag, _, value in flags if flag == "--api-service"}


def test_the_extender_verifies_the_client_certificate_that_kube_scheduler_sends() -> None:
    of = {item.id: item.values[0] for item in workloads()}
    (settings,) = [item for _, item in documents("ConfigMap") if item["metadata"]["name"] == "wao-kube-scheduler"]
    (extender,) = yaml.safe_load(settings["data"]["config.yaml"])["extenders"]
    files = {extender["tlsConfig"]["certFile"], extender["tlsConfig"]["keyFile"]}
    assert files == {
        f"{mounted(of['wao-kube-scheduler'], 'wao-kube-scheduler-tls')}/tls.{end}" for end in ("crt", "key")
    }
    ca = f"--client-ca-file={mounted(of['wao-scheduler'], 'wao-ca')}/ca.crt"
    assert ca in pod_of(of["wao-scheduler"])["containers"][0]["args"]


def mounted(workload: dict[str, Any], name: str) -> str:
    """Return the folder where a Secret or ConfigMap is mounted."""
    pod = pod_of(workload)
    (volume,) = [
        item["name"]
        for item in pod["volumes"]
        if name in (item.get("secret", {}).get("secretName"), item.get("configMap", {}).get("name"))
    ]
    (path,) = [item["mountPath"] for item in pod["containers"][0]["volumeMounts"] if item["name"] == volume]
    return str(path)


def test_the_bundle_is_published_wherever_it_is_mounted() -> None:
    controller = next(item.values[0] for item in workloads() if item.id == "wao-controller")
    flags = [flag.partition("=") for flag in pod_of(controller)["containers"][0]["args"]]
    published = {value for flag, _, value in flags if flag in ("--namespace", "--bundle-namespace")}
    mounted = {
        item.values[0]["metadata"]["namespace"]
        for item in workloads()
        for volume in pod_of(item.values[0]).get("volumes", [])
        if volume.get("configMap", {}).get("name") == "wao-ca"
    }
    assert mounted <= published
    allowed = {
        role["metadata"]["namespace"]
        for _, role in documents("Role")
        for rule in role["rules"]
        if role["metadata"]["name"] == "wao-controller" and rule.get("resourceNames") == ["wao-ca"]
        if rule["resources"] == ["configmaps"]
    }
    assert published == allowed


@pytest.mark.parametrize(
    ("role", "verbs", "built_in"),
    [
        ("viewer", {"get", "list", "watch"}, {"view", "edit", "admin"}),
        ("editor", {"get", "list", "watch", "create", "update", "patch", "delete"}, {"edit", "admin"}),
    ],
)
@pytest.mark.parametrize("kind", ["nodeconfig", "nodeconfigtemplate"])
def test_people_get_the_roles_of_the_reference_through_the_built_in_ones(
    kind: str, role: str, verbs: set[str], built_in: set[str]
) -> None:
    (found,) = [item for _, item in documents("ClusterRole") if item["metadata"]["name"] == f"wao-{kind}-{role}-role"]
    rights = {resource: set(rule["verbs"]) for rule in found["rules"] for resource in rule["resources"]}
    assert rights == {f"{kind}s": verbs, f"{kind}s/status": {"get"}}
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    labels = found["metadata"]["labels"]
    assert {label.removeprefix(prefix) for label in labels if label.startswith(prefix)} == built_in


def test_an_aggregated_api_is_always_verified() -> None:
    for _, item in documents("APIService"):
        assert "insecureSkipTLSVerify" not in item["spec"]
        assert item["spec"]["service"]["name"] in {service["metadata"]["name"] for _, service in documents("Service")}


def test_each_workload_in_the_network_of_pods_has_a_network_policy() -> None:
    """A policy does not select the node agent, which is in its node's network."""
    policies = [item for path, item in documents("NetworkPolicy") if path.parent.name not in ADDED]
    for workload in workloads():
        item = workload.values[0]
        if not pod_of(item).get("hostNetwork"):
            labels, namespace = item["spec"]["template"]["metadata"]["labels"], item["metadata"]["namespace"]
            (policy,) = [
                policy
                for policy in policies
                if policy["metadata"]["namespace"] == namespace
                if policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
            ]
            assert policy["spec"]["policyTypes"] == ["Ingress"]
            open_ports = {rule_port["port"] for rule in policy["spec"]["ingress"] for rule_port in rule["ports"]}
            assert open_ports <= {port["name"] for port in pod_of(item)["containers"][0]["ports"]}


def test_a_pod_cannot_join_a_network_policy_by_labelling_itself() -> None:
    """Each peer is in a namespace that is named by the label that the API server sets."""
    for path, policy in documents("NetworkPolicy"):
        for rule in policy["spec"].get("ingress", []) + policy["spec"].get("egress", []):
            for peer in rule.get("from", []) + rule.get("to", []):
                assert list(peer["namespaceSelector"]["matchLabels"]) == ["kubernetes.io/metadata.name"], path
                assert peer["podSelector"]["matchLabels"], path


def test_only_servers_that_need_clients_from_anywhere_have_a_port_that_is_open_to_all() -> None:
    """The metrics API authenticates its clients; weights are no secret, and node agents have their nodes' addresses."""
    open_to_all = {
        (policy["metadata"]["name"], port["port"])
        for _, policy in documents("NetworkPolicy")
        for rule in policy["spec"].get("ingress", [])
        if not rule.get("from")
        for port in rule["ports"]
    }
    assert open_to_all == {("wao-metrics-api", "https"), ("wao-lb", "https")}
