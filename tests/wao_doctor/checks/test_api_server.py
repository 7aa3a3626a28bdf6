"""Checks `api-server` and `clocks`."""

from __future__ import annotations

import pytest

from tests.fakes.healthy_cluster import found_by, healthy, kinds_of, lease, node, outcome_of
from wao_doctor.facts import Listed, Missing, Server
from wao_doctor.findings import Severity


def server(version: str = "v1.37.2", skew: float = 0.0, uncertainty: float = 0.5) -> Server:
    return Server("https://10.0.0.1:6443", version, skew, uncertainty)


def test_version_and_address_of_the_api_server_are_shown() -> None:
    assert outcome_of("api-server", healthy()).summary == "v1.37.2 at https://10.0.0.1:6443"
    assert kinds_of("api-server") == []


def test_an_api_server_that_does_not_answer_is_an_error_with_the_reason_and_the_remedy() -> None:
    (found,) = found_by("api-server", server=Missing("GET /version: no answer in time", "Check the network."))
    assert (found.kind, found.severity) == ("api-server-unreachable", Severity.ERROR)
    assert (found.evidence, found.remedy) == ("GET /version: no answer in time", "Check the network.")


@pytest.mark.parametrize(
    ("version", "kinds"), [("v1.28.15", ["kubernetes-old"]), ("v1.29.0", []), ("unreadable", []), ("v0.0.0-master", [])]
)
def test_a_kubernetes_that_is_not_supported_is_an_error(version: str, kinds: list[str]) -> None:
    assert kinds_of("api-server", server=server(version)) == kinds


@pytest.mark.parametrize(
    ("skew", "uncertainty", "severities"),
    [
        (5.2, 0.5, []),  # it may be less than 5 s
        (8.0, 0.5, [Severity.WARNING]),
        (8.0, 10.0, []),  # the answer took too long to know
        (-8.0, 0.5, [Severity.WARNING]),
        (-400.0, 0.5, [Severity.ERROR]),
    ],
)
def test_a_clock_that_differs_for_certain_is_reported(
    skew: float, uncertainty: float, severities: list[Severity]
) -> None:
    found = found_by("clocks", server=server(skew=skew, uncertainty=uncertainty))
    assert [item.severity for item in found] == severities


def test_the_direction_of_the_difference_is_shown() -> None:
    (ahead,) = found_by("clocks", server=server(skew=90.0))
    (behind,) = found_by("clocks", server=server(skew=-90.0))
    assert ahead.evidence == "the API server is 90s ahead of this machine"
    assert behind.evidence == "the API server is 90s behind this machine"


def test_a_heartbeat_in_the_future_shows_that_the_clock_of_the_node_is_ahead() -> None:
    (found,) = found_by("clocks", node_leases=Listed((lease("n1"), lease("n2", age=-30))))
    assert (found.kind, found.subject, found.evidence) == ("node-clock-ahead", "n2", "in the future: n2 30s")


def test_a_ready_node_whose_heartbeat_is_late_is_reported_and_one_that_is_not_ready_is_not() -> None:
    leases = Listed((lease("n1"), lease("n2", age=300)))
    assert kinds_of("clocks", node_leases=leases) == ["heartbeat-late"]
    assert kinds_of("clocks", node_leases=leases, nodes=Listed((node("n1"), node("n2", ready="Unknown")))) == []
