"""OpenAPI documents of the group, and which of them a client has already."""

from __future__ import annotations

import json
import re

import pytest

from wao_metrics_api.discovery import Document
from wao_metrics_api.names import GROUP_VERSIONS, GroupVersion
from wao_metrics_api.openapi import not_modified, openapi_v2, openapi_v3, openapi_v3_index

MADE = Document.of({"a": 1})


@pytest.mark.parametrize("api", GROUP_VERSIONS)
def test_every_parameter_of_a_path_is_described(api: GroupVersion) -> None:
    for path, operations in json.loads(openapi_v3(api).body)["paths"].items():
        described = {item["name"] for item in operations["get"]["parameters"] if item["in"] == "path"}
        assert described == set(re.findall(r"\{(\w+)\}", path))


def test_the_index_names_each_version_with_the_hash_of_its_document() -> None:
    paths = json.loads(openapi_v3_index().body)["paths"]
    assert set(paths) == {f"apis/{api}" for api in GROUP_VERSIONS}
    for api in GROUP_VERSIONS:
        url = paths[f"apis/{api}"]["serverRelativeURL"]
        assert url.endswith(f"?hash={openapi_v3(api).etag.strip(chr(34))}")


def test_the_swagger_document_is_valid_without_paths() -> None:
    found = json.loads(openapi_v2().body)
    assert (found["swagger"], found["paths"], found["definitions"]) == ("2.0", {}, {})


@pytest.mark.parametrize(
    ("header", "known"),
    [
        (MADE.etag, True),
        (f"W/{MADE.etag}", True),
        (f'"other", {MADE.etag}', True),
        ("*", True),
        ('"other"', False),
        ("", False),
        (MADE.etag.strip('"'), False),
    ],
)
def test_a_client_that_has_the_document_needs_no_second_copy(header: str, known: bool) -> None:
    assert not_modified(MADE, header) is known
