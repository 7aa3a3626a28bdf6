"""Authorities of clients and front proxies, from the ConfigMap of the API server."""

from __future__ import annotations

import hashlib
import json
import ssl

import pytest

from tests.wao_core.serving.authority import Authority
from wao_core.serving.auth.trust import Trust, TrustError, trust_of

PROXY, CLIENTS = Authority.new("front-proxy-ca"), Authority.new("cluster-ca")


def digest(authority: Authority) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(authority.pem)).hexdigest()


def test_both_kinds_of_authorities_are_known_by_their_digests_and_kept_apart() -> None:
    found = trust_of({"client-ca-file": CLIENTS.pem, "requestheader-client-ca-file": PROXY.pem})
    assert found.client_roots == {digest(CLIENTS)}
    assert found.proxy_roots == {digest(PROXY)}
    assert CLIENTS.pem.encode() in found.authorities
    assert PROXY.pem.encode() in found.authorities


def test_a_bundle_may_have_several_authorities() -> None:
    assert trust_of({"client-ca-file": PROXY.pem + CLIENTS.pem}).client_roots == {digest(PROXY), digest(CLIENTS)}


def test_an_empty_config_map_trusts_nobody_and_has_the_usual_headers() -> None:
    found = trust_of({})
    assert found == Trust(uid_headers=())
    assert found.authorities == b""


def test_header_names_are_compared_in_lower_case() -> None:
    data = {
        "requestheader-username-headers": '["X-User", "X-Remote-User"]',
        "requestheader-group-headers": '["X-Group"]',
        "requestheader-extra-headers-prefix": '["X-Extra-"]',
        "requestheader-uid-headers": '["X-Uid"]',
    }
    found = trust_of(data)
    assert found.user_headers == ("x-user", "x-remote-user")
    assert (found.group_headers, found.extra_prefixes, found.uid_headers) == (("x-group",), ("x-extra-",), ("x-uid",))


@pytest.mark.parametrize(
    ("allowed", "name", "may"),
    [("", "anything", True), ("[]", "anything", True), ('["proxy"]', "proxy", True), ('["proxy"]', "other", False)],
)
def test_without_allowed_names_a_front_proxy_may_have_any(allowed: str, name: str, may: bool) -> None:
    assert trust_of({"requestheader-allowed-names": allowed}).is_proxy_name(name) is may


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("client-ca-file", "nonsense"),
        ("requestheader-client-ca-file", "nonsense"),
        ("client-ca-file", "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----"),
        ("requestheader-allowed-names", json.dumps("no list")),
        ("requestheader-allowed-names", "[1]"),
        ("requestheader-username-headers", "X-Remote-User"),
    ],
)
def test_data_that_cannot_be_used_is_an_error_with_its_key(key: str, value: str) -> None:
    with pytest.raises(TrustError, match=f"^{key}: "):
        trust_of({key: value})
