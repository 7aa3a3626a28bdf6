"""Documents of a manifest file and the records of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wao_core.cluster.records import Kind, NodeMetrics
from wao_core.cluster.source import Secret
from wao_core.errors import ManifestError
from wao_core.source.documents import MAX_FILE, documents, record_of, secret_of

NODE = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}}


def written(folder: Path, text: str | bytes, name: str = "a.yaml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_documents_are_numbered_as_in_the_file_and_a_list_counts_as_its_items(tmp_path: Path) -> None:
    path = written(tmp_path, "a: 1\n---\n---\nkind: List\nitems: [{b: 1}, {b: 2}]\n---\nkind: List\n")
    assert documents(path, "a.yaml") == [(1, {"a": 1}), (3, {"b": 1}), (3, {"b": 2})]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\n---\n- 7\n", "a.yaml, document 2: not a Kubernetes object"),
        ("kind: List\nitems: [text]\n", "document 1: not a Kubernetes object"),
        (b"a: \xff", "a.yaml: cannot be read: it is not UTF-8"),
        ("a: [", "a.yaml: not valid YAML"),
    ],
)
def test_a_file_that_has_no_objects_is_refused_with_its_name(tmp_path: Path, text: str | bytes, words: str) -> None:
    with pytest.raises(ManifestError, match=words):
        documents(written(tmp_path, text), "a.yaml")


def test_a_file_that_is_gone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="cannot be read: No such file"):
        documents(tmp_path / "gone.yaml", "gone.yaml")


def test_a_file_that_is_too_large_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(MAX_FILE + 1)  # sparse
    with pytest.raises(ManifestError, match="larger than 64 MiB: split it"):
        documents(path, "large.yaml")


def test_the_record_of_an_object_comes_with_its_kind() -> None:
    found = record_of(NODE)
    assert found is not None
    assert (found[0], found[1].name) == (Kind.NODE, "n1")


def test_a_kind_that_is_not_used_has_no_record() -> None:
    assert record_of({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}) is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": None}, "kind"),
        ({"apiVersion": 1}, "apiVersion"),
        ({"apiVersion": "v2"}, "apiVersion"),
        ({"metadata": {}}, "metadata.name"),
        ({"metadata": {"name": ""}}, "metadata.name"),
        ({"metadata": {"name": 7}}, "metadata.name"),
        ({"metadata": None}, "metadata.name"),
    ],
)
def test_an_object_without_type_or_name_is_refused_with_the_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(ManifestError) as raised:
        record_of({**NODE, **change})
    assert raised.value.field == field


def test_a_figure_without_a_timestamp_is_undated() -> None:
    usage = {
        "apiVersion": "metrics.k8s.io/v1beta1",
        "kind": "NodeMetrics",
        "metadata": {"name": "n1"},
        "usage": {"cpu": "1"},
    }
    found = record_of(usage)
    assert found is not None
    assert isinstance(found[1], NodeMetrics)
    assert found[1].timestamp == 0.0


def secret(**fields: Any) -> dict[str, Any]:
    return {"kind": "Secret", "metadata": {"name": "s", "namespace": "w"}, **fields}


def test_a_secret_has_plain_and_encoded_values() -> None:
    assert secret_of(secret(stringData={"username": "u"}, data={"password": "cA=="})) == (
        "w/s",
        Secret({"username": b"u", "password": b"p"}),
    )


def test_a_secret_without_a_namespace_is_in_the_default_one() -> None:
    assert secret_of({"kind": "Secret", "metadata": {"name": "s"}}) == ("default/s", Secret({}))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"data": {"password": "not base64!"}}, "data.password"),
        ({"metadata": 7}, "metadata"),
        ({"stringData": ["x"]}, "metadata"),
    ],
)
def test_a_secret_that_cannot_be_read_is_refused_without_its_values(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(ManifestError) as raised:
        secret_of(secret(**fields))
    assert raised.value.field == field
    assert "not base64!" not in str(raised.value)
