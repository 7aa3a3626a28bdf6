"""Passwords that have been read are masked wherever they appear."""

from __future__ import annotations

import base64
import json

from wao_core.redaction import hide_password, mask_passwords


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
