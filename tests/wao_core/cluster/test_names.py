"""Names of Kubernetes objects."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_core.cluster.names import (
    MAX_LABEL,
    MAX_SUBDOMAIN,
    SUBDOMAIN,
    is_label,
    is_label_value,
    is_subdomain,
    shortened,
)


@pytest.mark.parametrize(
    ("name", "subdomain", "label"),
    [
        ("bmc-login", True, True),
        ("bmc-login.rack-1", True, False),
        ("7", True, True),
        ("a" * MAX_LABEL, True, True),
        ("a" * (MAX_LABEL + 1), True, False),
        ("a." * 126 + "a", True, False),
        ("a" * (MAX_SUBDOMAIN + 1), False, False),
        ("", False, False),
        ("A", False, False),
        ("-a", False, False),
        ("a-", False, False),
        ("a..b", False, False),
        (".", False, False),
        ("..", False, False),
        ("a/b", False, False),
        ("a%2Fb", False, False),
        ("a\n", False, False),
        ("ä", False, False),
    ],
)
def test_a_name_is_a_subdomain_and_a_namespace_a_label(name: str, subdomain: bool, label: bool) -> None:
    assert (is_subdomain(name), is_label(name)) == (subdomain, label)


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("wao", True),
        ("a.b_c-D9", True),
        ("a" * 63, True),
        ("a" * 64, False),
        ("", False),
        ("-a", False),
        ("a,b", False),
    ],
)
def test_the_value_of_a_label(text: str, valid: bool) -> None:
    """Some become part of a label selector."""
    assert is_label_value(text) is valid


@given(st.from_regex(SUBDOMAIN, fullmatch=True), st.integers(1, 300))
def test_a_shortened_name_is_a_name(name: str, most: int) -> None:
    made = shortened(name, most)
    assert name.startswith(made)
    assert 0 < len(made) <= most
    assert is_label_value(made) or len(made) > MAX_LABEL


def test_the_expression_is_understood_by_re2() -> None:
    """It is part of the CRDs: no look-around, no back-reference."""
    assert not re.search(r"\(\?|\\\d", SUBDOMAIN)
