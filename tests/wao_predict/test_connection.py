"""URLs and TLS policies: where requests go, and that messages show no password."""

import time

import pytest

from wao_predict.connection import Credentials, TlsPolicy, base_of, origin_of, without_userinfo
from wao_predict.errors import UsageError


@pytest.mark.parametrize(
    ("url", "origin", "base"),
    [
        ("https://BMC.example/redfish", ("https", "bmc.example", 443), "https://bmc.example:443"),
        ("http://10.0.0.1", ("http", "10.0.0.1", 80), "http://10.0.0.1:80"),
        ("https://[fe80::1]:8443/x", ("https", "fe80::1", 8443), "https://[fe80::1]:8443"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: tuple[str, str, int], base: str) -> None:
    assert (origin_of(url), base_of(url)) == (origin, base)


@pytest.mark.parametrize("url", ["", "bmc", "ftp://bmc", "https://", "https://bmc:port", "https://bmc:99999", "//bmc"])
def test_anything_but_an_http_url_is_refused_with_the_form_to_write(url: str) -> None:
    with pytest.raises(UsageError, match="write https://host"):
        origin_of(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:hunter2@bmc/x", "https://bmc/x"),
        ("https://u:hunter@2@bmc/x", "https://bmc/x"),
        ("https://bmc/a@b", "https://bmc/a@b"),
        ("https://bmc?a@b", "https://bmc?a@b"),
    ],
)
def test_messages_show_a_url_without_user_and_password(url: str, shown: str) -> None:
    assert without_userinfo(url) == shown


@pytest.mark.parametrize("password", ["hunter/2", "hunter?2", "hunter#2", "hunter]2", "hunter\u21002"])
def test_the_error_for_a_password_that_breaks_the_url_does_not_show_it(password: str) -> None:
    with pytest.raises(UsageError) as caught:
        origin_of(f"https://u:{password}@bmc/x")
    assert "hunter" not in str(caught.value)


def test_a_fingerprint_is_accepted_in_the_form_of_openssl() -> None:
    assert TlsPolicy(fingerprint="sha256=" + ":".join(["AB"] * 32)).digest() == b"\xab" * 32
    assert TlsPolicy().digest() is None
    with pytest.raises(UsageError, match="SHA-256 in hex"):
        TlsPolicy(fingerprint="AB:CD").digest()


def test_credentials_show_neither_user_nor_password() -> None:
    credentials = Credentials("reader", "hunter2")
    assert "hunter2" not in f"{credentials} {credentials!r}"
    assert "reader" not in f"{credentials} {credentials!r}"


@pytest.mark.parametrize("url", ["http://[" + "//" * 500_000, "http://h/" + "a" * 8192, "//" * 500_000 + "@"])
def test_a_huge_url_is_refused_in_linear_time(url: str) -> None:
    began = time.process_time()
    with pytest.raises(UsageError, match="is not an http or https URL"):
        origin_of(url)
    assert time.process_time() - began < 0.3
