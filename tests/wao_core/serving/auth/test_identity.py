"""Users and the groups that every one of them is in."""

from __future__ import annotations

from wao_core.serving.auth.identity import ANONYMOUS, AUTHENTICATED, User


def test_whoever_is_authenticated_is_in_the_group_of_all_of_them_once() -> None:
    user = User("ann", ("readers",)).authenticated()
    assert user.groups == ("readers", AUTHENTICATED)
    assert user.authenticated() is user


def test_nothing_else_of_the_user_changes() -> None:
    extra = (("scopes", ("a", "b")),)
    assert User("ann", uid="7", extra=extra).authenticated() == User("ann", (AUTHENTICATED,), "7", extra)


def test_the_anonymous_user_is_not_authenticated() -> None:
    assert AUTHENTICATED not in ANONYMOUS.groups
