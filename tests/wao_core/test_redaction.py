"""Passwords that have been read are masked wherever they appear."""

from __future__ import annotations

import base64

from wao_core.redaction import hide_password, mask_passwords


def test_a_password_and_its_basic_form_are_masked() -> None:
    hide_password("reader", "correct horse")
    basic = base64.b64encode(b"reader:correct horse").decode()
    assert mask_passwords(f"no: correct horse, {basic}") == "no: ***, ***"


def test_a_short_password_does_not_mask_parts_of_words() -> None:
    hide_password("reader", "e")
    assert mask_passwords("reader") == "reader"
