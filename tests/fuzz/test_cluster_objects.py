"""Any answer of the API server, or of a proxy in front of it, is a value or an error that the caller expects."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fuzz.json_texts import TEXTS, VALUES
from wao_core.cluster.selector import matches
from wao_core.collector.addresses import AddressRule, AllowedHosts
from wao_core.collector.metrics_feed import MetricsListError, decode_values
from wao_core.conditions import conditions_of
from wao_core.crds.models import LabelSelector
from wao_core.kube.client import status_error
from wao_core.kube.collection import AnswerError, decode_list, decode_watch_line
from wao_core.kube.resources import RESOURCES, api_path
from wao_core.serving.auth.authentication import Credentials, front_proxy_user
from wao_core.serving.auth.tokens import TokenFile
from wao_core.serving.auth.trust import TrustError, trust_of
from wao_core.source.decoders import collection_of
from wao_predict.errors import UsageError, WaoError

KINDS = pytest.mark.parametrize("kind", sorted(RESOURCES))
METADATA = st.fixed_dictionaries(
    {"name": st.text(max_size=5) | st.just("n")},
    optional={"resourceVersion": st.text(max_size=3), "namespace": st.text(max_size=3), "continue": VALUES},
)
OBJECTS = st.fixed_dictionaries(
    {"metadata": METADATA | VALUES}, optional={"spec": VALUES, "status": VALUES, "usage": VALUES, "items": VALUES}
)


def encoded(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    return strategy.map(json.dumps).map(str.encode)


LISTS = st.fixed_dictionaries(
    {"items": st.lists(OBJECTS, max_size=4) | VALUES},
    optional={"metadata": METADATA | VALUES, "kind": st.sampled_from(["NodeList", "Status", 5])},
)
EVENTS = st.fixed_dictionaries(
    {"type": st.sampled_from(["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR", "", "x" * 100]), "object": OBJECTS}
)


@KINDS
@given(body=TEXTS | encoded(LISTS))
@example(body=b'{"items":[{"metadata":{"name":"n"},"spec":' + b"[" * 5000 + b"]" * 5000 + b"}]}")
@example(body=b'{"items":[{"metadata":{"name":"n"}},' + b"5," * 1000 + b"5]}")
def test_any_list_is_read_or_refused(kind: str, body: bytes) -> None:
    with suppress(AnswerError):
        page = decode_list(body, collection_of(RESOURCES[kind]))
        assert all(len(reason) <= 300 for reason in page.unreadable.values())


@KINDS
@given(line=TEXTS | encoded(EVENTS))
def test_any_line_of_a_watch_is_an_event_or_refused(kind: str, line: bytes) -> None:
    with suppress(AnswerError):
        decode_watch_line(line, collection_of(RESOURCES[kind]))


@given(TEXTS | encoded(LISTS))
def test_any_list_of_metrics_is_read_or_refused(body: bytes) -> None:
    with suppress(MetricsListError):
        decode_values(body)


@given(st.integers(100, 599), TEXTS, st.dictionaries(st.just("Retry-After"), st.text(max_size=20)))
def test_any_refusal_is_an_error_with_a_bounded_wait(status: int, body: bytes, headers: dict[str, str]) -> None:
    error = status_error("GET", "/api", status, body, headers)
    assert error.retry_after is None or 0 <= error.retry_after < 1e10


@given(*[st.text(max_size=30) | st.sampled_from(["..", ".", "%2e%2e", "a/../b", "\x00", "\u2024\u2024", "a?b#c"])] * 3)
@example("../../wao-system/secrets/x", "wao", "")
def test_a_name_never_leads_to_another_path(name: str, namespace: str, plural: str) -> None:
    with suppress(WaoError):
        path = api_path("v1", plural or "secrets", namespace=namespace, name=name)
        assert path.count("/") == 3 + 2 * bool(namespace) + bool(name)
        assert path.isascii()
        assert not {"..", "."} & set(path.split("/"))
        assert not set("?#\\ \x00") & set(path)


@given(st.dictionaries(st.sampled_from(["conditions", "metrics"]), VALUES | st.lists(OBJECTS, max_size=3)))
def test_the_conditions_of_any_status_are_read(status: dict[str, Any]) -> None:
    conditions_of(status)


REQUIREMENTS = st.fixed_dictionaries(
    {
        "key": st.text(max_size=3),
        "operator": st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "x"]),
    },
    optional={"values": st.lists(st.text(max_size=3) | st.just("9" * 5000), max_size=2)},
)


@given(st.lists(REQUIREMENTS, max_size=3), st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2))
def test_any_selector_that_the_api_admits_matches_or_not(requirements: list[Any], labels: dict[str, str]) -> None:
    selector = LabelSelector.model_validate({"matchLabels": labels, "matchExpressions": requirements})
    assert matches(selector.model_dump(by_alias=True, exclude_none=True), labels) in (True, False)


HOSTS = st.lists(
    st.sampled_from(["*", ".", "10.1.0.0/16", "::1", "[", "]", ",", "a.b", "/", "%", "é", " "]), max_size=8
)


@given(st.text(max_size=40) | HOSTS.map("".join), st.text(max_size=20))
def test_any_annotation_of_hosts_is_read_or_refused(text: str, host: str) -> None:
    with suppress(UsageError):
        AllowedHosts.parse(text).permit(host)
    with suppress(UsageError):
        AddressRule.of([text]).allows(host)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "client-ca-file",
                "requestheader-client-ca-file",
                "requestheader-allowed-names",
                "requestheader-username-headers",
                "requestheader-extra-headers-prefix",
            ]
        ),
        st.text(max_size=30)
        | st.sampled_from(
            ["[]", "[5]", "{}", '["x"]', "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----", "[" * 5000]
        ),
    )
)
def test_any_configuration_of_the_front_proxy_is_read_or_refused(data: dict[str, str]) -> None:
    with suppress(TrustError):
        trust_of(data)


@given(
    st.lists(
        st.tuples(st.sampled_from([b"authorization", b"x-remote-user", b"x-remote-group"]), st.binary(max_size=30))
    )
)
def test_headers_without_a_certificate_name_nobody(headers: list[tuple[bytes, bytes]]) -> None:
    assert front_proxy_user(trust_of({}), Credentials.of(None, headers)) is None


@given(st.binary(max_size=100) | st.text('",\n#ab', max_size=40).map(str.encode))
def test_any_file_of_tokens_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = Path(tmp_path_factory.getbasetemp(), "tokens.csv")
    path.write_bytes(content)
    with suppress(UsageError):
        TokenFile(path)
