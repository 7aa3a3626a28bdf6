"""An option has one meaning in all commands."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from docs.generator.commands import commands

COMMANDS = dict(commands())
FORMATS = {"table", "wide", "json", "csv"}


def options() -> list[tuple[str, Any]]:
    """Return every option with the name of its command."""
    return [(name, item) for name, command in COMMANDS.items() for item in command.params if item.opts[0][0] == "-"]


def named(name: str) -> list[Any]:
    """Return the options of this name in all commands."""
    return [pytest.param(item, id=command) for command, item in options() if name in item.opts]


@pytest.mark.parametrize("option", named("--output"))
def test_output_is_the_format_of_what_is_printed(option: Any) -> None:
    assert option.opts == ["--output", "-o"]
    values = option.type_descriptor.annotation
    assert issubclass(values, Enum)
    chosen = [value.value for value in values]
    assert chosen[0] == "table"
    assert {"table", "json"} <= set(chosen) <= FORMATS
    assert option.default in (None, values.TABLE)


@pytest.mark.parametrize("option", named("--save"))
def test_save_is_the_file_that_is_written(option: Any) -> None:
    assert option.opts == ["--save", "-s"]
    assert option.type_descriptor.annotation is Path
    assert option.metavar is not None


def test_an_option_with_a_value_is_no_flag_elsewhere() -> None:
    flags: dict[str, dict[bool, list[str]]] = {}
    for command, item in options():
        flag = item.type_descriptor.annotation is bool
        for name in (*item.opts, *item.secondary_opts):
            flags.setdefault(name, {}).setdefault(flag, []).append(command)
    assert {name: kinds for name, kinds in flags.items() if len(kinds) > 1} == {}


@pytest.mark.parametrize(
    ("name", "commands_with_it"),
    [
        ("--moves", {"wao simulate", "wao rebalance run"}),
        ("--minimum-saving", {"wao simulate", "wao rebalance run"}),
        ("--empty-seconds", {"wao simulate", "wao standby controller"}),
        ("--spare-percent", {"wao simulate", "wao standby controller"}),
        ("--spare-cores", {"wao simulate", "wao standby controller"}),
    ],
)
def test_a_simulation_names_its_options_as_the_controllers_do(name: str, commands_with_it: set[str]) -> None:
    assert {command for command, item in options() if name in item.opts} == commands_with_it
