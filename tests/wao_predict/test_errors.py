"""Errors of the library: what their messages contain, and by which builtin they can be caught."""

from __future__ import annotations

import pytest

from wao_predict import errors
from wao_predict.errors import MissingExtra, RemoteError, UsageError, WaoError, summary

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, WaoError)]


def test_the_overview_in_the_docstring_names_every_error() -> None:
    assert [] == [kind.__name__ for kind in KINDS if kind.__name__ not in str(errors.__doc__)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_says_when_it_is_raised(kind: type[WaoError]) -> None:
    assert kind.__doc__


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("FeatureError", ValueError),
        ("RemoteTimeout", TimeoutError),
        ("BackendNotFound", LookupError),
        ("ModelLoadError", ValueError),
        ("MissingExtra", ImportError),
        ("UsageError", ValueError),
        ("QuantityError", ValueError),
    ],
)
def test_an_error_is_caught_by_the_builtin_that_python_users_expect(name: str, builtin: type[Exception]) -> None:
    assert issubclass(getattr(errors, name), builtin)


def test_a_summary_does_not_have_the_text_of_a_server() -> None:
    """A status that other people can read must not show it."""
    error = RemoteError("https://bmc: 500", detail="the server's own text")
    assert str(error) == "https://bmc: 500: the server's own text"
    assert summary(error) == "https://bmc: 500"
    assert summary(UsageError("write https://host")) == "write https://host"


def test_a_missing_package_is_named_with_the_command_that_installs_it() -> None:
    assert "pip install 'wao-predict[plot]'" in str(MissingExtra("drawing", "plot"))
