"""The metadata of objects."""

from __future__ import annotations

import msgspec
import pytest

from tests.fakes.api_objects import decode_object
from wao_core.cluster.metadata import Metadata, metadata_fields
from wao_core.cluster.records import OwnerRef, Pod


def test_the_controlling_owner_counts() -> None:
    owners = [{"kind": "X", "name": "x"}, {"kind": "ReplicaSet", "name": "web", "uid": "u", "controller": True}]
    record = decode_object("Pod", {"metadata": {"name": "p", "ownerReferences": owners}})
    assert isinstance(record, Pod)
    assert record.owner == OwnerRef("ReplicaSet", "web", "u")


def test_large_annotations_of_pods_are_not_kept() -> None:
    annotations = {
        "kubectl.kubernetes.io/last-applied-configuration": "x" * 10_000,
        "waok8s.github.io/podspread-rate": "1",
    }
    record = decode_object("Pod", {"metadata": {"name": "p", "annotations": annotations}})
    assert record.annotations == {"waok8s.github.io/podspread-rate": "1"}


def test_a_record_has_names_labels_and_the_time_of_its_creation() -> None:
    fields = metadata_fields(
        {"metadata": {"name": "c", "namespace": "w", "uid": "u", "creationTimestamp": "1970-01-01T00:01:00Z"}}
    )
    assert (fields["name"], fields["namespace"], fields["uid"], fields["created"]) == ("c", "w", "u", 60.0)
    assert (fields["labels"], fields["annotations"], fields["owner"]) == ({}, {}, None)


def test_without_a_namespace_it_is_the_default_one() -> None:
    assert metadata_fields({"metadata": {"name": "c"}})["namespace"] == "default"


@pytest.mark.parametrize("raw", [{}, {"metadata": None}, {"metadata": {"name": 7}}, {"metadata": {"labels": []}}])
def test_metadata_that_are_not_valid_are_refused(raw: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        metadata_fields(raw)


@pytest.mark.parametrize("stamp", [None, "yesterday", ""])
def test_a_time_that_cannot_be_read_is_unknown(stamp: str | None) -> None:
    assert Metadata(name="c", creation_timestamp=stamp).fields()["created"] is None
