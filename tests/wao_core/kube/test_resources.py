"""API paths: every segment stays one segment, whatever text it is."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wao_core.errors import SourceError
from wao_core.kube.resources import NODE_CONFIGS, NODES, api_path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (NODES.path(), "/api/v1/nodes"),
        (NODES.path("ignored", "n1"), "/api/v1/nodes/n1"),
        (NODE_CONFIGS.path(), "/apis/node.waok8s.github.io/v1beta1/nodeconfigs"),
        (
            NODE_CONFIGS.path("ns", "a", "status"),
            "/apis/node.waok8s.github.io/v1beta1/namespaces/ns/nodeconfigs/a/status",
        ),
        (
            api_path("v1", "secrets", namespace="tenant", name="../../wao-system/secrets/bmc-login"),
            "/api/v1/namespaces/tenant/secrets/..%2F..%2Fwao-system%2Fsecrets%2Fbmc-login",
        ),
        (
            api_path("v1", "secrets", namespace="a?b#c", name="%2e%2e"),
            "/api/v1/namespaces/a%3Fb%23c/secrets/%252e%252e",
        ),
    ],
)
def test_paths(path: str, expected: str) -> None:
    assert path == expected


@given(namespace=st.text(min_size=1), name=st.text(min_size=1))
def test_no_text_leaves_its_segment(namespace: str, name: str) -> None:
    assume(not {".", ".."} & {namespace, name})
    assume(not any("\ud800" <= letter <= "\udfff" for letter in namespace + name))
    segments = api_path("v1", "secrets", namespace=namespace, name=name).split("/")
    assert [unquote(segment) for segment in segments] == ["", "api", "v1", "namespaces", namespace, "secrets", name]


@pytest.mark.parametrize("name", [".", ".."])
def test_a_segment_that_servers_fold_is_refused(name: str) -> None:
    with pytest.raises(SourceError, match="is not a name"):
        api_path("v1", "secrets", namespace="tenant", name=name)
