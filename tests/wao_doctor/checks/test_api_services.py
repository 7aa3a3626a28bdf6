"""Checks `api-services` and `metrics-server`."""

from __future__ import annotations

import msgspec
import pytest

from tests.fakes.healthy_cluster import NODES, ago, api_service, condition, found_by, healthy, kinds_of, outcome_of
from wao_doctor import wire
from wao_doctor.facts import Listed, Missing
from wao_doctor.findings import Severity
from wao_doctor.wire import ApiService

OWN = "v1beta2.metrics.waok8s.github.io"
V1, V2, CPU = "v1beta1.custom.metrics.k8s.io", "v1beta2.custom.metrics.k8s.io", "v1beta1.metrics.k8s.io"


def services(*changed: ApiService, without: str = "") -> Listed[ApiService]:
    present = (api_service(OWN), api_service(V1), api_service(V2), api_service(CPU, "metrics-server"))
    listed = {item.name: item for item in present}
    listed |= {item.name: item for item in changed}
    return Listed(tuple(item for name, item in listed.items() if name != without))


def unavailable(item: ApiService, reason: str = "FailedDiscoveryCheck") -> ApiService:
    conditions = msgspec.convert([condition("Available", "False", reason, "no answer")], list[wire.Condition])
    return msgspec.structs.replace(item, status=wire.Conditions(conditions=conditions))


def metrics(**ages: float) -> Listed[wire.NodeMetrics]:
    return Listed(
        tuple(wire.NodeMetrics(metadata=wire.Meta(name=name), timestamp=ago(age)) for name, age in ages.items())
    )


def test_all_versions_of_the_metrics_api_are_examined() -> None:
    assert outcome_of("api-services", healthy()).summary == ("the metrics API is available in 2 API groups")


def test_without_our_own_group_wao_gets_no_values_and_without_the_other_one_only_autoscalers_do_not() -> None:
    (own,) = found_by("api-services", api_services=services(without=OWN))
    (custom,) = found_by("api-services", api_services=services(without=V1))
    assert (own.kind, own.severity) == ("api-not-registered", Severity.ERROR)
    assert (custom.kind, custom.severity) == ("custom-metrics-not-registered", Severity.INFO)


def test_an_api_that_cannot_be_reached_is_an_error_with_the_condition() -> None:
    (found,) = found_by("api-services", api_services=services(unavailable(api_service(V2))))
    assert (found.kind, found.evidence) == ("api-unavailable", "FailedDiscoveryCheck: no answer")
    assert "kubectl -n wao-system get pods" in found.remedy


def test_an_api_that_nobody_has_examined_yet_is_not_available() -> None:
    fresh = msgspec.structs.replace(api_service(V2), status=wire.Conditions())
    assert kinds_of("api-services", api_services=services(fresh)) == ["api-unavailable"]


@pytest.mark.parametrize(
    ("name", "known_as"),
    [
        ("prometheus-adapter", "prometheus-adapter"),
        ("keda-operator-metrics-apiserver", "KEDA"),
        ("something", ""),
    ],
)
def test_a_rival_adapter_is_named(name: str, known_as: str) -> None:
    rival = api_service(V2, name, "monitoring")
    (found,) = found_by("api-services", api_services=services(rival))
    assert found.kind == "api-of-another-adapter"
    assert found.evidence == f"it references monitoring/{name}" + (f", {known_as}" if known_as else "")


def test_an_api_that_is_not_verified_is_a_warning_with_a_command_that_corrects_it() -> None:
    (found,) = found_by("api-services", api_services=services(api_service(V2, insecureSkipTLSVerify=True)))
    assert found.kind == "api-unverified"
    assert found.remedy == (
        f'kubectl patch apiservice {V2} --type=json -p \'[{{"op":"remove","path":"/spec/insecureSkipTLSVerify"}}]\''
    )


def test_metrics_server_may_be_missing_or_not_available() -> None:
    assert kinds_of("metrics-server", api_services=services(without=CPU)) == ["metrics-server-missing"]
    down = unavailable(api_service(CPU, "metrics-server", "kube-system"))
    (found,) = found_by("metrics-server", api_services=services(down), node_metrics=Missing("503"))
    assert found.kind == "metrics-server-unavailable"
    assert "deploy/metrics-server" in found.remedy


def test_old_samples_and_nodes_without_any_are_counted() -> None:
    (old,) = found_by("metrics-server", node_metrics=metrics(n1=20, n2=600))
    assert (old.kind, old.subject, old.evidence) == ("node-metrics-old", "n2", "1 node, the oldest 10m")
    (lacking,) = found_by("metrics-server", node_metrics=metrics(n1=20))
    assert (lacking.kind, lacking.subject) == ("node-metrics-missing", "n2")
    assert kinds_of("metrics-server", node_metrics=metrics(**dict.fromkeys(NODES, 20.0))) == []
