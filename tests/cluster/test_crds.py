"""The custom resources' checks on the real API server: the same cases as for our models, and its cost limits."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cluster.bed.controlplane import ControlPlane
from tests.cluster.conftest import kubectl
from tests.fakes.nodeconfigs import (
    OURS,
    REFERENCES,
    REFUSED,
    STANDBY_REFUSED,
    STANDBY_TAKEN,
    TEMPLATED,
    with_standby,
    with_term,
)

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
API = "/apis/node.waok8s.github.io/v1beta1/namespaces/wao-system"


def asked(bed: ControlPlane, plural: str, kind: str, spec: dict[str, Any]) -> tuple[int, str]:
    """Return the status and message of a creation that is not carried out."""
    body = {
        "apiVersion": "node.waok8s.github.io/v1beta1",
        "kind": kind,
        "metadata": {"name": "checked"},
        "spec": spec,
    }
    answer = bed.admin.request("POST", f"{API}/{plural}?dryRun=All", body)
    return answer.status_code, str(answer.json().get("message", ""))


def template(spec: dict[str, Any]) -> dict[str, Any]:
    body = {key: value for key, value in spec.items() if key != "nodeName"}
    return {"nodeSelector": {"matchLabels": {"a": "b"}}, "template": body}


@pytest.mark.parametrize("spec", REFERENCES + OURS, ids=lambda spec: spec["nodeName"])
def test_what_the_reference_takes_and_what_is_ours_is_taken(bed: ControlPlane, spec: dict[str, Any]) -> None:
    assert asked(bed, "nodeconfigs", "NodeConfig", spec) == (201, "")
    assert asked(bed, "nodeconfigtemplates", "NodeConfigTemplate", template(spec)) == (201, "")


@pytest.mark.parametrize("fields", TEMPLATED, ids=str)
def test_a_template_is_not_judged_by_what_it_is_not_yet(bed: ControlPlane, fields: dict[str, Any]) -> None:
    assert asked(bed, "nodeconfigtemplates", "NodeConfigTemplate", template(with_term(fields))) == (201, "")


@pytest.mark.parametrize(("fields", "message"), REFUSED, ids=[message[:30] for _, message in REFUSED])
def test_what_cannot_be_meant_is_refused_with_the_remedy(
    bed: ControlPlane, fields: dict[str, Any], message: str
) -> None:
    for plural, kind, spec in (
        ("nodeconfigs", "NodeConfig", with_term(fields)),
        ("nodeconfigtemplates", "NodeConfigTemplate", template(with_term(fields))),
    ):
        status, said = asked(bed, plural, kind, spec)
        assert status == 422
        assert message in said


@pytest.mark.parametrize("fields", STANDBY_TAKEN, ids=str)
def test_ways_to_switch_a_server_are_taken(bed: ControlPlane, fields: dict[str, Any]) -> None:
    assert asked(bed, "nodeconfigs", "NodeConfig", with_standby(fields)) == (201, "")


@pytest.mark.parametrize(("fields", "message"), STANDBY_REFUSED, ids=[message[:30] for _, message in STANDBY_REFUSED])
def test_what_cannot_switch_a_server_is_refused(bed: ControlPlane, fields: dict[str, Any], message: str) -> None:
    status, said = asked(bed, "nodeconfigs", "NodeConfig", with_standby(fields))
    assert status == 422
    assert message in said


def test_the_rules_are_shown_to_people(bed: ControlPlane) -> None:
    """`kubectl explain` knows our fields."""
    explained = kubectl(bed, "explain", "nodeconfig.spec.metricsCollector.inletTemp.query")
    assert "PromQL" in explained
