"""The table of Accept headers of the reference, and what we answer better."""

import pytest

from wao_core.serving.status import StatusError
from wao_metrics_api.negotiation import DISCOVERY_TYPE, Form, negotiate

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/json",
        "application/json; charset=utf-8",
        "application/json, */*",
        "application/vnd.kubernetes.protobuf, */*",
        "application/vnd.kubernetes.protobuf,application/json",
        f"{TABLE},application/json",
        "application/*",
        "text/html, application/json;q=0.1",
        "application/json;q=0",
        "application/json;q=nonsense",
    ],
)
def test_json_is_the_answer(accept: str) -> None:
    assert negotiate(accept) is Form.JSON


def test_yaml_is_given_when_asked_for() -> None:
    assert negotiate("application/yaml") is Form.YAML
    assert negotiate("application/json;q=0.5, application/yaml") is Form.YAML


@pytest.mark.parametrize("accept", ["text/html", "application/cbor", "application/vnd.kubernetes.protobuf"])
def test_unknown_types_are_refused_with_the_representations_there_are(accept: str) -> None:
    with pytest.raises(StatusError) as caught:
        negotiate(accept)
    assert (caught.value.code, caught.value.message) == (
        406,
        "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml",
    )


@pytest.mark.parametrize(
    "accept", [TABLE, "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", DISCOVERY_TYPE]
)
def test_transformations_that_do_not_exist_are_refused(accept: str) -> None:
    with pytest.raises(StatusError, match="only the following media types are accepted: application/json, "):
        negotiate(accept)


def test_discovery_is_negotiated_where_it_is_offered() -> None:
    old = DISCOVERY_TYPE.replace("v=v2;", "v=v2beta1;")
    assert negotiate(f"{DISCOVERY_TYPE},{old},application/json", discovery=True) is Form.DISCOVERY
    assert negotiate(f"{old},application/json", discovery=True) is Form.JSON
    with pytest.raises(StatusError):
        negotiate(old, discovery=True)
