"""Plain values of YAML, within bounds: no file exhausts the stack or the memory. Needs PyYAML.

libyaml builds nested values by recursion in C, so a deep file would overflow the stack and end the process. Its events
are produced without recursion: they are checked first, for a quarter of the time that the values take.
"""

from __future__ import annotations

from typing import Any

import yaml

from wao_predict.errors import UsageError

MAX_DEPTH = 100
"""Levels of nesting; an object of the API of Kubernetes has fewer than 30."""
MAX_VALUES = 4_000_000
"""Values of one file with all aliases replaced; a value of an API object takes some 20 bytes of its file."""
MAX_NUMBER = 64
"""Characters of a number; longer ones take quadratic time, and Python does not print them."""


def yaml_documents(text: str) -> list[Any]:
    """Return the documents in a text as dictionaries, lists, text, numbers, booleans and None.

    Raises
    ------
    UsageError
        The text is not YAML or exceeds a bound. The message does not quote it, since it may contain credentials.
    """
    try:
        _check(text)
        return list(yaml.load_all(text, Loader=_LOADER))
    except UsageError:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark is not None else ""
        raise UsageError(f"not valid YAML: {error.problem or error.context}{where}") from None
    except yaml.YAMLError as error:
        raise UsageError(f"not valid YAML: {' '.join(str(error).split())[:200]}") from None
    except Exception as error:  # PyYAML raises whatever an explicit tag leads to; the message could quote the value
        raise UsageError(f"not valid YAML: a value does not fit its tag ({type(error).__name__})") from None


def _check(text: str) -> None:
    """Raise a `UsageError` if the values of a text, with its aliases replaced, exceed a bound."""
    count = 0
    sizes: dict[str, int] = {}
    opened: list[tuple[str | None, int]] = []  # anchor of each open value, and the count before it
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent):
            if any(event.anchor == anchor for anchor, _ in opened):
                raise UsageError(f"an alias refers to the value that contains it{_line(event)}")
            count += sizes.get(event.anchor or "", 1)
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
            if event.anchor is not None:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            opened.append((event.anchor, count))
            count += 1
            if len(opened) > MAX_DEPTH:
                raise too_deep(_line(event))
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = opened.pop()
            if anchor is not None:
                sizes[anchor] = count - before
        if count > MAX_VALUES:
            raise too_many()


def _line(event: yaml.Event) -> str:
    return "" if event.start_mark is None else f" (line {event.start_mark.line + 1})"


def too_deep(where: str = "") -> UsageError:
    """Return the error of a text that is nested too deeply."""
    return UsageError(f"nested deeper than {MAX_DEPTH} levels{where}")


def too_many() -> UsageError:
    """Return the error of a text with too many values."""
    return UsageError(f"more than {MAX_VALUES} values, with all aliases replaced: split the file")


def _number(loader: Any, node: Any) -> Any:
    if len(node.value) > MAX_NUMBER:
        reason = f"a number of {len(node.value)} characters: put text in quotes"
        raise yaml.constructor.ConstructorError(None, None, reason, node.start_mark)
    kind = node.tag.rpartition(":")[2]
    return loader.construct_yaml_int(node) if kind == "int" else loader.construct_yaml_float(node)


def _unknown_tag(loader: Any, node: Any) -> Any:
    reason = "an unknown tag: put text that begins with an exclamation mark in quotes"
    raise yaml.constructor.ConstructorError(None, None, reason, node.start_mark)


_LOADER: Any = type("Loader", (getattr(yaml, "CSafeLoader", yaml.SafeLoader),), {})
"""YAML without its timestamp type: in the API of Kubernetes timestamps are text."""
_LOADER.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in _LOADER.yaml_implicit_resolvers.items()
}
_LOADER.add_constructor("tag:yaml.org,2002:int", _number)
_LOADER.add_constructor("tag:yaml.org,2002:float", _number)
_LOADER.add_constructor(None, _unknown_tag)
