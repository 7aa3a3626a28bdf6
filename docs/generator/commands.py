"""The page of commands and flags, from the command line itself."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from importlib.metadata import entry_points
from typing import Any

from typer.main import get_command

from docs.generator.markdown import code, page, table
from wao_predict.cli import GROUP, build

INTRODUCTION = """\
`wao COMMAND --help` shows the same in the terminal. `--debug`, anywhere on the command line, shows the traceback of an
error. Exit codes: 0 success, 1 failure (one line gives the reason), 2 invalid command line, 130 interrupted."""


def commands() -> Iterator[tuple[str, Any]]:
    """Yield the full name of each command that does something by itself, with the command."""
    found = dict(_below("wao", get_command(build())))
    given = {f"wao {point.name.replace('.', ' ')}" for point in entry_points(group=GROUP)}
    missing = {name for name in given if not any(full == name or full.startswith(f"{name} ") for full in found)}
    if missing:
        raise RuntimeError(f"commands that cannot be loaded: {', '.join(sorted(missing))}")
    yield from found.items()


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", {})
    if not children or command.invoke_without_command:
        yield name, command
    for word, child in children.items():
        yield from _below(f"{name} {word}", child)


def commands_page() -> str:
    """Return the page."""
    return page("Commands", INTRODUCTION, *(_command(name, command) for name, command in commands()))


def _command(name: str, command: Any) -> str:
    arguments = [item for item in command.params if not item.opts[0].startswith("-")]
    options = [item for item in command.params if item.opts[0].startswith("-")]
    usage = " ".join([name, *(_metavar(item) for item in arguments), *(["[OPTIONS]"] if options else [])])
    parts = [f"## {name}", str(command.help or "").strip(), f"```console\n{usage}\n```"]
    parts.append(table(["argument", "description"], [[code(_metavar(item)), item.help or ""] for item in arguments]))
    header = ["option", "default", "environment", "description"]
    parts.append(table(header, [_option(item) for item in options]))
    return "\n\n".join(part for part in parts if part)


def _metavar(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    return name if argument.required else f"[{name}]"


def _option(option: Any) -> list[str]:
    names = ", ".join(code(name) for name in [*option.opts, *option.secondary_opts])
    kind = option.type_descriptor.annotation
    choices = ""
    if isinstance(kind, type) and issubclass(kind, Enum):
        choices = "One of " + ", ".join(code(choice.value) for choice in kind) + "."
    default = "required" if option.required else code(_default(option))
    return [
        names,
        default,
        ", ".join(map(code, variables_of(option))),
        " ".join(filter(None, [option.help or "", choices])),
    ]


def variables_of(option: Any) -> list[str]:
    """Return the environment variables of an option, the first that is set counts."""
    return [option.envvar] if isinstance(option.envvar, str) else list(option.envvar or ())


def _default(option: Any) -> str:
    value = option.default
    if value is None or value == "" or value is False or not option.show_default or callable(value):
        return ""
    if isinstance(value, Enum):
        return str(value.value)
    return f"{value:g}" if isinstance(value, float) else str(value)
