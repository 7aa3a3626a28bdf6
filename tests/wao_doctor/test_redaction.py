"""What could be a credential is not in a support bundle, and everything else is."""

from __future__ import annotations

import base64

import pytest

from tests.fakes.planted import PASSWORD, USER, assert_clean
from wao_core.redaction import hide_password
from wao_doctor.redaction import redacted, redacted_text

KEY = f"-----BEGIN EC PRIVATE KEY-----\n{PASSWORD}\n-----END EC PRIVATE KEY-----"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "text",
    [
        f"https://{USER}:{PASSWORD}@10.1.0.17/redfish",
        f"--password={PASSWORD}",
        f"token: {PASSWORD}",
        f"API_KEY={PASSWORD} next",
        f'{{"clientSecret": "{PASSWORD}"}}',
        f"Authorization: Bearer {PASSWORD}",
        f"password: '{PASSWORD}'",
        f"password: 'it''s {PASSWORD}'",
        f'token = "two words {PASSWORD}"',
        f'{{"text": "{{\\"password\\":\\"{PASSWORD}\\"}}"}}',
        f"password: |-\n    {PASSWORD}\n    {PASSWORD}\nnext: 1",
        f"--password=x,{PASSWORD}",
        f"PASSWORD=x;{PASSWORD}&y",
        f"client-key-data: {PASSWORD}",
        f"accessKey: {PASSWORD}",
        f"https://{USER}:x@{PASSWORD}@10.1.0.17/redfish",
        f"keyless: {base64.b64encode(KEY.encode()).decode()}",
        KEY,
        KEY.partition("-----END")[0],
    ],
)
def test_a_credential_in_text_is_masked(text: str) -> None:
    assert_clean([redacted_text(text)])


def test_a_token_is_masked_wherever_it_is() -> None:
    assert redacted_text(f"refused {JWT}!") == "refused ***!"


def test_a_password_that_this_process_has_read_is_masked() -> None:
    hide_password(USER, "read-by-this-process-7c1f")
    assert redacted_text("the BMC says read-by-this-process-7c1f") == "the BMC says ***"


@pytest.mark.parametrize(
    "text",
    [
        "Secret wao-system/wao-lb-tls",
        "--token-file=/etc/wao/tokens.csv",
        "--tls-private-key-file=/etc/wao/tls/tls.key",
        "https://10.1.0.17/redfish/v1",
        "the BMC refused the credentials",
        "basicAuthSecret",
        "kubectl -n wao-system delete secret NAME",
        "v1beta1.custom.metrics.k8s.io: 403 may not get secrets in wao-bmc",
    ],
)
def test_what_a_person_needs_stays(text: str) -> None:
    assert redacted_text(text) == text


def test_values_are_searched_at_any_depth_and_by_their_keys() -> None:
    value = {"a": [{"password": PASSWORD, "args": [f"--token={PASSWORD}"]}], "n": 2, "token": 5}
    clean = redacted(value)
    assert clean["a"] == [{"password": "***", "args": ["--token=***"]}]
    assert (clean["n"], clean["token"]) == (2, 5)


def test_the_argument_after_a_flag_for_a_credential_is_masked() -> None:
    assert_clean(redacted(["--bmc-password", PASSWORD, "--api-key", PASSWORD]))
    kept = ["--token", "--token-file", "/etc/wao/token", "--port", "8443"]
    assert redacted(kept) == kept
    assert redacted(["run", f"--api-key=x {PASSWORD}"]) == ["run", "--api-key=***"]


def test_a_list_of_credentials_is_masked() -> None:
    assert redacted({"passwords": ["a", ["b"]], "tokens": []}) == {"passwords": ["***", ["***"]], "tokens": []}


def test_a_certificate_in_base64_stays() -> None:
    text = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n").decode()
    assert redacted_text(f"caBundle: {text}") == f"caBundle: {text}"


@pytest.mark.parametrize(
    "part",
    [
        "a.",
        "eyJabcdefgh-",
        "://a:b",
        "password ",
        "-----BEGIN ",
        "LS0tLS1CRUdJTi",
        "token: |\n ",
        "secret='\\\"",
        "bearer ",
    ],
)
def test_a_huge_text_is_searched_in_linear_time(part: str) -> None:
    """In quadratic time it would take hours."""
    text = part * (1_000_000 // len(part))
    assert len(redacted([text])[0]) <= len(text) + len(part)
