"""Passwords that have been read are masked wherever they appear."""

from __future__ import annotations

import base64
import json

import pytest

from wao_core.redaction import hide_password, mask_passwords, mask_userinfo


def test_a_password_and_its_basic_form_are_masked() -> None:
    hide_password("reader", "correct horse")
    basic = base64.b64encode(b"reader:correct horse").decode()
    assert mask_passwords(f"no: correct horse, {basic}") == "no: ***, ***"


def test_a_short_password_does_not_mask_parts_of_words() -> None:
    hide_password("reader", "e")
    assert mask_passwords("reader") == "reader"


def test_a_password_is_masked_as_a_server_may_quote_it() -> None:
    hide_password("reader", 'pa"ss/wo\\rd\u00e9')
    assert mask_passwords(json.dumps({"error": 'no: pa"ss/wo\\rd\u00e9'})) == '{"error": "no: ***"}'
    assert mask_passwords("/login?pw=pa%22ss%2Fwo%5Crd%C3%A9") == "/login?pw=***"


@pytest.mark.parametrize(
    "password", ["hunter2", "hunter@2", "hunter2@", "hunt:er2", "hunt/er2", "hunter2/?#", "\u00fchunter2"]
)
def test_any_password_of_a_url_is_masked(password: str) -> None:
    shown = mask_userinfo(f'GET "https://reader:{password}@10.0.0.17:8443/redfish", https://hunter2@b')
    assert "hunt" not in shown
    assert "10.0.0.17:8443/redfish" in shown


@pytest.mark.parametrize(
    "text",
    [
        "https://10.0.0.17:8443/redfish/v1#/@odata.id",
        "https://[fd00::17]:443/a@b",
        "https://bmc.example/a@b",
        "two URLs: http://a:80, http://b:9100/@x",
    ],
)
def test_a_url_without_a_password_stays(text: str) -> None:
    assert mask_userinfo(text) == text


def test_a_password_that_begins_with_another_one_is_masked_as_a_whole() -> None:
    for password in ("hunter2", "hunter2-of-another"):
        hide_password("reader", password)
    assert mask_passwords("no: hunter2-of-another") == "no: ***"
