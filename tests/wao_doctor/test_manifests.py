"""The manifests of the release, as the package has them."""

from __future__ import annotations

from pathlib import Path

import yaml

from wao_core.cluster.names import METRICS_GROUP
from wao_doctor.facts import Right
from wao_doctor.gathering.cluster import SAMPLED
from wao_doctor.manifests import parts, rights_of


def test_each_part_has_a_folder_that_can_be_applied() -> None:
    assert parts() == {
        "wao-controller": "controller",
        "wao-metrics-api": "metrics-api",
        "wao-scheduler": "scheduler",
        "wao-kube-scheduler": "scheduler",
        "wao-lb": "lb",
        "wao-lb-agent": "lb",
        "wao-rebalance": "rebalance",
        "wao-standby": "standby",
        "wao-ui": "ui",
    }


def test_the_rights_of_an_account_come_from_all_its_roles() -> None:
    account = "wao-system/wao-controller"
    rights = rights_of([account])
    assert {right.account for right in rights} == {account}
    wanted = {
        Right(account, "watch", "", "nodes"),
        Right(account, "patch", "node.waok8s.github.io", "nodeconfigtemplates", "status"),
        Right(account, "update", "coordination.k8s.io", "leases", "", "wao-system", "wao-controller"),
        Right(account, "get", "", "secrets", "", "wao-pki", "wao-ca"),
        Right(account, "patch", "", "configmaps", "", "wao-node", "wao-ca"),
    }
    assert wanted <= set(rights)


def test_a_cluster_role_that_is_bound_in_a_namespace_gives_rights_there() -> None:
    account = "wao-system/wao-lb"
    secrets = [right for right in rights_of([account]) if right.resource == "secrets"]
    assert secrets == [Right(account, "get", "", "secrets", "", "wao-bmc")]


def test_an_account_that_is_not_ours_has_no_rights() -> None:
    assert rights_of(["default/default"]) == []


def test_the_role_of_the_doctor_permits_the_values_of_sensors() -> None:
    """They are in our own group, which remains where another adapter serves custom.metrics.k8s.io."""
    text = (Path(__file__).parents[2] / "manifests" / "roles" / "doctor.yaml").read_text()
    rules = [rule for document in yaml.safe_load_all(text) for rule in (document or {}).get("rules") or ()]
    (rule,) = [rule for rule in rules if METRICS_GROUP in rule["apiGroups"]]
    assert (rule["resources"], "get" in rule["verbs"]) == ([f"nodes/{metric}" for metric in SAMPLED], True)


def test_a_component_gives_rights_only_where_its_flag_is_set() -> None:
    account = "wao-system/wao-lb"
    more = {*rights_of([account], ["--cilium"])} - {*rights_of([account])}
    assert {(right.verb, right.resource) for right in more} == {
        *(("create", "endpointslices"), ("patch", "endpointslices"), ("delete", "endpointslices")),
        *(("create", "leases"), ("get", "leases"), ("update", "leases")),
    }
