"""The command `wao`: a root that finds its sub-commands through the entry-point group `wao.commands`.

The module of a command imports only typer and the standard library, so that `wao --help` stays fast. Exit codes:
0 success, 1 failure (one line gives the reason), 2 invalid command line, 130 interrupted.
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Mapping
from copy import copy
from importlib import metadata
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any

import typer

from wao_predict.printable import say

GROUP = "wao.commands"
_PANELS = {
    "Models": ("predict", "curve", "models", "record", "train", "calibrate"),
    "Fleets": ("what-if", "simulate", "cooling"),
    "Applications": ("controller", "metrics-api", "scheduler", "lb", "lb-agent", "rebalance", "standby", "ui"),
    "Tools": ("read", "explain", "doctor", "demo", "version", "completion"),
}
"""The commands of the project in the order of the help; those of plug-ins follow."""
_DEBUG = "WAO_DEBUG"
_UsageError: Any = typer.BadParameter.__base__  # the base class of usage errors has no public name in typer
_EPILOG = "An error is one line. Add --debug anywhere on the command line to see the traceback."


def build() -> typer.Typer:
    """Return the command with every installed sub-command; a plug-in that cannot be loaded is reported and skipped."""
    root = typer.Typer(
        name="wao",
        help="Predict the power of servers, and place Pods and traffic where they add the fewest watts.",
        epilog=_EPILOG,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )
    root.callback()(_root)
    points = {point.name: point for point in entry_points(group=GROUP)}
    panel_of = {name: panel for panel, names in _PANELS.items() for name in names if name in points}
    others = sorted(name for name in points.keys() - panel_of.keys() if name.partition(".")[0] not in panel_of)
    for name in [*panel_of, *others]:
        command, panel = _load(points[name]), panel_of.get(name, "Plug-ins")
        if isinstance(command, typer.Typer):
            root.add_typer(_extended(command, name, points), name=name, rich_help_panel=panel)
        elif command is not None:
            root.command(name, rich_help_panel=panel)(command)
    return root


def _extended(group: typer.Typer, name: str, points: Mapping[str, EntryPoint]) -> typer.Typer:
    """Return a group of commands with those that other packages add, by entry points such as `record.cluster`."""
    added = {below.partition(".")[2]: point for below, point in points.items() if below.startswith(f"{name}.")}
    if not added:
        return group
    extended = copy(group)
    extended.registered_commands = list(group.registered_commands)
    for word, point in sorted(added.items()):
        if (command := _load(point)) is not None:
            extended.command(word)(command)
    return extended


def _load(point: EntryPoint) -> Any:
    try:
        return point.load()
    except Exception as error:  # a broken plug-in must not break the other commands
        say(f"warning: the command {point.name} cannot be loaded: {type(error).__name__}: {error}")
        return None


def _show_version(requested: bool) -> None:
    if requested:
        typer.echo(f"wao {metadata.version('wao-predict')}")
        raise typer.Exit


def _root(
    ctx: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", envvar=_DEBUG, help="Show the traceback of an error.")] = False,
    show_version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    if debug:
        os.environ[_DEBUG] = "1"


def main() -> None:
    """Run the command line and exit."""
    warnings.showwarning = _show_warning
    sys.exit(_run())


def _run() -> int:
    try:
        return _answer(_without_debug(sys.argv[1:]))
    except KeyboardInterrupt:
        return 130
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):  # `wao ... | head`: the reader has closed the pipe
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        return stop.code if isinstance(stop.code, int) else 1


def _answer(arguments: list[str]) -> int:
    """Run a command and return its exit code; report any error in one line."""
    try:
        done = build()(arguments, standalone_mode=False, prog_name="wao")
    except _UsageError as error:
        return _refuse(error)
    except Exception as error:  # the last place where an error can be reported in one line
        if os.environ.get(_DEBUG, "").lower() in ("1", "true", "yes", "on"):
            raise
        say("error: " + " ".join(_message(error).split("\n")))
        return 1
    return done if isinstance(done, int) else 0


def _refuse(error: Any) -> int:
    """Report an invalid command line and return the exit code; a command without arguments has shown its help."""
    path = error.ctx.command_path if error.ctx else "wao"
    if type(error).__name__ != "NoArgsIsHelpError":  # typer has shown the help
        words = " ".join(error.format_message().split()).replace("Value error, ", "")
        words = words.removeprefix("Invalid value: ").rstrip(".")
        say(f"error: {words}; see `{path} --help`")
    return int(error.exit_code)


def _without_debug(arguments: list[str]) -> list[str]:
    """Return the arguments without --debug, which applies wherever it is on the command line."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    kept = [word for word in arguments[:end] if word != "--debug"]
    if len(kept) < end:
        os.environ[_DEBUG] = "1"
    return kept + arguments[end:]


def _message(error: Exception) -> str:
    """Return a message that a user can act on."""
    from wao_predict.errors import WaoError

    if isinstance(error, WaoError):
        return str(error)
    if isinstance(error, typer.Abort):
        return "interrupted: a prompt was not answered"
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "").partition(".")[0]
        return f"this command needs {package}, which is not installed: pip install 'wao-predict[{extra_of(package)}]'"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return f"unexpected {type(error).__name__}: {error} (add --debug to see the traceback)"


def extra_of(module: str) -> str:
    """Return the smallest extra that installs a module, "all" if none is known to.

    Examples
    --------
    >>> extra_of("pydantic"), extra_of("yaml")
    ('kubernetes', 'simulate')
    """
    from importlib.metadata import PackageNotFoundError, requires

    name = {"yaml": "pyyaml"}.get(module, module.replace("_", "-"))
    sizes: dict[str, int] = {}
    found = set()
    try:
        listed = requires("wao-predict") or []
    except PackageNotFoundError:
        return "all"
    for line in listed:
        requirement, _, marker = line.partition(";")
        extra = marker.rpartition("extra == ")[2].strip("' \"") if "extra ==" in marker else ""
        sizes[extra] = sizes.get(extra, 0) + 1
        if re.match(rf"{re.escape(name)}(?![\w-])", requirement.strip(), re.IGNORECASE):
            found.add(extra)
    return min(found - {"all", ""}, key=lambda extra: (sizes[extra], extra), default="all")


def _show_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    from wao_predict.errors import OutOfRangeWarning

    if issubclass(category, OutOfRangeWarning | UserWarning):
        say(f"warning: {message}")
