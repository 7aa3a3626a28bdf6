"""Names of Kubernetes objects."""

from __future__ import annotations

import re

import pytest

from wao_core.cluster.names import MAX_LABEL, MAX_SUBDOMAIN, SUBDOMAIN, is_label, is_subdomain


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


def test_the_expression_is_understood_by_re2() -> None:
    """It is part of the CRDs: no look-around, no back-reference."""
    assert not re.search(r"\(\?|\\\d", SUBDOMAIN)
