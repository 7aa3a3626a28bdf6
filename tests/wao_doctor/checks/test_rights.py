"""Check `rbac`."""

from __future__ import annotations

from tests.fakes.healthy_cluster import found_by, healthy, outcome_of
from wao_doctor.facts import Right


def test_the_rights_of_all_accounts_are_counted() -> None:
    outcome = outcome_of("rbac", healthy())
    assert outcome.summary.endswith(" rights of 6 accounts")
    assert list(outcome.findings) == []


def test_the_refused_rights_of_an_account_are_one_finding() -> None:
    account = "wao-system/wao-lb"
    refused = (
        Right(account, "list", "", "pods"),
        Right(account, "get", "custom.metrics.k8s.io", "nodes", "inlet_temp"),
        Right(account, "get", "", "secrets", namespace="wao-bmc"),
    )
    (found,) = found_by("rbac", refused=refused)
    assert (found.kind, found.subject) == ("right-missing", "ServiceAccount wao-system/wao-lb")
    assert found.evidence == ("refused: list pods, get nodes/inlet_temp.custom.metrics.k8s.io, get secrets in wao-bmc")
    assert found.remedy == "Apply your overlay again, or run helm upgrade: the roles are in manifests/lb"
