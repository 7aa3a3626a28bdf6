"""What failed requests mean, whatever the network layer raised."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_predict.errors import ProtocolError, RemoteError, RemoteTimeout
from wao_predict.flow import Response
from wao_predict.remote import body_too_large, remote_error, retry_after

URL = "https://bmc/redfish/v1"


class ConnectError(Exception):
    """An error of an HTTP library, known by its name."""


class ReadTimeout(Exception):
    """Likewise."""


class ReadError(Exception):
    """Likewise, after the connection was made."""


def rejected(reason: str = "self-signed certificate") -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError()
    error.verify_message = reason
    return error


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (TimeoutError(), RemoteTimeout, "no answer in 5 s"),
        (ReadTimeout("x"), RemoteTimeout, "no answer in 5 s"),
        (ConnectionRefusedError(111, "Connection refused"), RemoteError, "cannot connect: Connection refused"),
        (ConnectError("all attempts failed"), RemoteError, "cannot connect: all attempts failed"),
        (ValueError("bad\n  header"), RemoteError, "bad header"),
        (ValueError(), RemoteError, "ValueError"),
        (rejected(), RemoteError, "the certificate cannot be verified (self-signed certificate): set tls.caBundle"),
        (rejected("certificate has expired"), RemoteError, "(certificate has expired): renew it on the server"),
        (rejected("certificate is not yet valid"), RemoteError, "check both clocks"),
    ],
)
def test_an_error_says_where_and_why(error: Exception, kind: type[RemoteError], words: str) -> None:
    found = remote_error(error, URL, timeout=5.0)
    assert type(found) is kind
    assert str(found).startswith(f"{URL}: ")
    assert words in str(found)
    assert found.endpoint == URL


def test_a_rejected_certificate_is_found_behind_the_error_of_a_library() -> None:
    error = ConnectError("handshake")
    error.__cause__ = rejected("expired")
    assert "(expired" in str(remote_error(error, URL))


@pytest.mark.parametrize(("error", "handshake"), [(None, True), (ConnectError("eof"), True), (ReadError("eof"), False)])
def test_a_failed_tls_handshake_has_its_reason_and_what_is_needed(error: Exception | None, handshake: bool) -> None:
    ended = ssl.SSLError(ssl.SSL_ERROR_EOF, "unexpected eof while reading")
    if error is not None:
        error.__cause__ = ended
    found = str(remote_error(error or ended, URL))
    words = "the TLS handshake failed (unexpected eof while reading); TLS 1.2 with AES is required"
    assert (words in found) is handshake


def test_errors_that_cause_each_other_end() -> None:
    one, other = ValueError("a"), ValueError("b")
    one.__cause__, other.__cause__ = other, one
    assert "a" in str(remote_error(one, URL))


def test_without_a_limit_the_answer_is_late_all_the_same() -> None:
    assert "no answer in time" in str(remote_error(TimeoutError(), URL))


@pytest.mark.parametrize("make", [lambda url: remote_error(ValueError("x"), url), lambda url: body_too_large(url, 5)])
def test_the_password_of_a_url_is_in_no_message(make: object) -> None:
    found = make("https://admin:hunter2@bmc/redfish")  # type: ignore[operator]
    assert "hunter2" not in f"{found} {found.endpoint}"


def test_a_body_beyond_its_limit_is_no_protocol_of_ours() -> None:
    found = body_too_large(URL, 1000)
    assert isinstance(found, ProtocolError)
    assert "larger than 1000 bytes" in str(found)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        (" 120 ", 120.0),
        ("Thu, 01 Jan 1970 00:01:00 GMT", 10.0),
        ("Thu, 01 Jan 1970 00:00:10 GMT", 0.0),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("٣", None),
    ],
)
def test_a_wish_to_wait_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert retry_after(Response(503, headers={"retry-after": value}), now=50.0) == seconds


@given(st.text())
def test_any_header_is_a_number_or_nothing(value: str) -> None:
    found = retry_after(Response(503, headers={"retry-after": value}), now=0.0)
    assert found is None or found >= 0.0
