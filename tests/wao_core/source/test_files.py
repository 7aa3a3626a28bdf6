"""One file of a folder: what it contains, and what stays of it when an edit breaks it."""

from __future__ import annotations

from pathlib import Path

import pytest

from wao_core.cluster.records import Kind, Node, NodeMetrics, PodMetrics, Record
from wao_core.source.files import MOST_PROBLEMS, FileContent, is_undated, read_file

GOOD = "apiVersion: v1\nkind: Node\nmetadata: {name: n1, uid: first}\n"
OTHER = "apiVersion: v1\nkind: Node\nmetadata: {name: n2}\n"
SECRET = "kind: Secret\nmetadata: {name: s, namespace: w}\nstringData: {password: hunter2}\n"
BAD = "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\nstatus: {capacity: {cpu: many}}\n"
N1, N2 = (Kind.NODE, "n1"), (Kind.NODE, "n2")


def content(folder: Path, *texts: str, old: FileContent | None = None) -> FileContent:
    path = folder / "a.yaml"
    path.write_text("---\n".join(texts))
    return read_file(path, "a.yaml", (1, 1), old)


def test_a_file_has_records_secrets_and_their_document_numbers(tmp_path: Path) -> None:
    found = content(tmp_path, GOOD, SECRET, OTHER)
    assert found.numbers == {N1: 1, N2: 3}
    assert found.records.keys() == {N1, N2}
    assert list(found.secrets) == ["w/s"]
    assert found.problems == []


def test_an_edit_that_breaks_the_file_keeps_everything_it_had(tmp_path: Path) -> None:
    before = content(tmp_path, GOOD, SECRET)
    after = content(tmp_path, "kind: [", old=before)
    assert (after.records, after.secrets) == (before.records, before.secrets)
    assert after.problems[0].reason.endswith("; its last good state is kept")


def test_an_edit_that_breaks_one_document_keeps_that_one(tmp_path: Path) -> None:
    before = content(tmp_path, GOOD)
    after = content(tmp_path, BAD, OTHER, old=before)
    assert after.records[N1] is before.records[N1]
    assert N2 in after.records
    assert "a.yaml, document 1, field status.capacity.cpu" in after.problems[0].reason


def test_a_document_that_was_never_good_is_refused_and_the_rest_is_taken(tmp_path: Path) -> None:
    found = content(tmp_path, BAD, OTHER)
    assert found.records.keys() == {N2}
    assert "last good state" not in found.problems[0].reason


def test_of_two_documents_of_the_same_object_the_first_is_taken(tmp_path: Path) -> None:
    found = content(tmp_path, GOOD, GOOD.replace("first", "second"))
    assert found.records[N1].uid == "first"
    assert "n1 is in this file twice" in found.problems[0].reason


def test_many_refused_documents_are_reported_in_part(tmp_path: Path) -> None:
    found = content(tmp_path, *["kind: Node\n"] * (MOST_PROBLEMS + 5))
    assert found.refused == MOST_PROBLEMS + 5
    assert len(found.problems) == MOST_PROBLEMS + 1
    assert "more documents are refused" in found.problems[-1].reason


def test_the_values_of_a_secret_are_in_no_message(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = content(tmp_path, SECRET.replace("stringData", "data"))
    assert found.problems
    assert "hunter2" not in f"{found.problems} {caplog.text}"


@pytest.mark.parametrize(
    ("record", "undated"),
    [
        (NodeMetrics(name="n", cpu_cores=1.0, timestamp=0.0), True),
        (NodeMetrics(name="n", cpu_cores=1.0, timestamp=5.0), False),
        (PodMetrics(name="p", namespace="w", cpu_cores=1.0, timestamp=0.0), True),
        (Node(name="n"), False),
    ],
)
def test_figures_without_a_timestamp_are_undated(record: Record, undated: bool) -> None:
    assert is_undated(record) is undated
