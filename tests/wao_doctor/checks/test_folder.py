"""Check `manifests`."""

from __future__ import annotations

from tests.fakes.healthy_cluster import found_by, healthy, kinds_of, outcome_of
from wao_core.cluster.source import Problem
from wao_doctor.facts import Listed


def test_the_objects_of_a_folder_are_counted() -> None:
    assert outcome_of("manifests", healthy()).summary == "2 Nodes and 2 NodeConfigs"


def test_each_manifest_that_cannot_be_used_is_an_error() -> None:
    (found,) = found_by("manifests", problems=(Problem("fleet/a.yaml, document 2", "field spec: missing", 0.0),))
    assert (found.kind, found.subject, found.evidence) == (
        "manifest-refused",
        "fleet/a.yaml, document 2",
        "field spec: missing",
    )


def test_a_folder_without_nodes_is_a_warning() -> None:
    assert kinds_of("manifests", nodes=Listed(), node_configs=Listed()) == ["no-nodes"]
