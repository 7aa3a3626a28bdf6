"""Options that several commands share, declared once as the fields of a dataclass, and their shell completion."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Annotated, Any, get_type_hints

import typer


def shipped_models(incomplete: str) -> list[str]:
    """Return the names of the included models that start with this text, for shell completion."""
    from wao_predict.models import model_names

    return [name for name in model_names() if name.startswith(incomplete)]


ModelOption = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="NAME=VALUE",
        help="Option of the type; can be repeated. For a V2 server: inputName, outputName, datatype, maxBatchSize, "
        "contentType and features. Default: the metadata of the server.",
    ),
]
"""The options of a model, as in the field `options` of a NodeConfig."""


_OTHER_ARGUMENTS = ("source", "type", "connection")


def parse_options(texts: list[str] | None) -> dict[str, Any]:
    """Return the options by name.

    Raises
    ------
    BadParameter
        A text is not NAME=VALUE, or the name is that of another argument of `load_predictor`.
    """
    found = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or name.strip() in _OTHER_ARGUMENTS:
            raise typer.BadParameter(f"--option {text!r:.60}: write NAME=VALUE, such as inputName=INPUT__0")
        found[name.strip()] = value
    return found


def with_options(
    group: type[Any], argument: str, **defaults: object
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds the options of a group to a typer command.

    The command receives them as one argument.

    Parameters
    ----------
    group
        A dataclass whose fields are annotated with `typer.Option` and have defaults.
    argument
        Name of the command's parameter that receives the group.
    defaults
        Defaults of this command that differ from those of the group.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(group, include_extras=True)
        own_hints = get_type_hints(command, include_extras=True)
        values = {field.name: field.default for field in fields(group) if field.default is not MISSING} | defaults
        own = [
            parameter.replace(annotation=own_hints[name])
            for name, parameter in inspect.signature(command).parameters.items()
            if name != argument
        ]
        shared = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value, annotation=hints[name])
            for name, value in values.items()
        ]

        @functools.wraps(command)
        def wrapper(**given: Any) -> None:
            command(**{argument: group(**{name: given.pop(name) for name in values})}, **given)

        parameters = [*own, *shared]
        # typer reads the signature and the annotations, so both must list the options
        wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        del wrapper.__wrapped__
        return wrapper

    return decorate
