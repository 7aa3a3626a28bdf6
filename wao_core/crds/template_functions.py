"""The functions that Go templates may call, each with bounds on its arguments and its result.

The template engine limits the number of calls and the size of the output. That is not enough: thirty calls that double
a string make a gigabyte. So the arguments and the result of every function are limited, and so is the CPU time.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from typing import Any

ALLOWED = tuple(
    """
    trimPrefix trimSuffix trimAll trim upper lower title untitle replace contains hasPrefix hasSuffix splitList split
    splitn join first last rest initial index slice len substr trunc nospace cat quote squote add add1 sub mul div mod
    max min floor ceil round int int64 float64 atoi toString toStrings default coalesce ternary empty regexMatch
    regexFind regexFindAll regexReplaceAll regexReplaceAllLiteral regexSplit eq ne lt le gt ge and or not print printf
    println dict get hasKey pluck keys list append prepend has without uniq sortAlpha reverse compact concat b64enc
    b64dec sha256sum snakecase kebabcase camelcase urlParse urlJoin urlquery html js kindOf kindIs typeOf fail
    toJson fromJson abbrev initials plural swapcase wrap indent nindent tuple set unset dig toDecimal adler32sum sha1sum
    """.split()
)
WRITERS = ("print", "println", "printf", "html", "js", "urlquery")
"""Functions of the template language itself that return strings."""

MOST = 2048
"""Characters of a string; items and characters of a list or dictionary; 64-bit words of a number."""
MOST_NUMBER = 1000
"""Limit of an argument that is a count or a width."""
MOST_REPEATS = 100
"""Product of the counted repetitions in a regular expression: each copies its operand."""
MOST_PATTERN, MOST_SEARCHED = 200, 1024
"""Characters of a regular expression, and of the string to search."""
MOST_SECONDS = 0.5
"""CPU time for one template; a usual one takes a hundredth of a millisecond."""

_COUNTED = frozenset({"indent", "nindent", "round", "wrap"})
_WIDE = re.compile(r"%[-+# 0]*(?:\d{3,}|\*)|%[-+# 0]*\d*\.(?:\d{3,}|\*)")
_REPEAT = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_deadline: ContextVar[float] = ContextVar("deadline", default=float("inf"))


class TooMuch(ValueError):
    """An argument or a result of a function is too large."""


class TooSlow(TooMuch):
    """The template has used too much CPU time."""


@contextmanager
def bounded_time() -> Iterator[None]:
    """Limit the CPU time of the functions that are called in this context: then they raise `TooSlow`."""
    token = _deadline.set(time.thread_time() + MOST_SECONDS)
    try:
        yield
    finally:
        _deadline.reset(token)


@cache
def functions() -> dict[str, Callable[..., object]]:
    """Return the functions by name; those of the language that return no new data need no entry."""
    from gotpl.funcs.sprig import hermetic_text_func_map

    available = dict(hermetic_text_func_map())
    available |= {name: _writer(name) for name in WRITERS}
    return {name: _bounded(name, available[name]) for name in ALLOWED if name in available}


def _bounded(name: str, function: Callable[..., Any]) -> Callable[..., object]:
    def call(*arguments: object) -> object:
        if time.thread_time() > _deadline.get():
            raise TooSlow(f"it takes more than {MOST_SECONDS:g} s")
        _check_arguments(name, arguments)
        result: object = function(*arguments)
        _check_size(name, result)
        return result

    return call


def _check_arguments(name: str, arguments: tuple[object, ...]) -> None:
    for argument in arguments:
        if isinstance(argument, str) and len(argument) > MOST:
            raise TooMuch(f"{name} got a string of more than {MOST} characters")
        if name in _COUNTED and isinstance(argument, int | float) and abs(argument) > MOST_NUMBER:
            raise TooMuch(f"{name} got a number over {MOST_NUMBER}")
    if name == "printf" and arguments and _WIDE.search(str(arguments[0])):
        raise TooMuch("a printf width of three or more digits is not allowed")
    if name.startswith("regex") and arguments:
        _check_pattern(str(arguments[0]), arguments[1:])


def _check_pattern(pattern: str, arguments: tuple[object, ...]) -> None:
    repeats = 1
    for low, high in _REPEAT.findall(pattern):
        repeats *= max(1, int(high or low))
    if len(pattern) > MOST_PATTERN or repeats > MOST_REPEATS:
        raise TooMuch(f"a regular expression has more than {MOST_PATTERN} characters or {MOST_REPEATS} repetitions")
    if any(isinstance(argument, str) and len(argument) > MOST_SEARCHED for argument in arguments):
        raise TooMuch(f"a regular expression is applied to more than {MOST_SEARCHED} characters")


def _check_size(name: str, result: object) -> None:
    """Measure a nested value; shared parts count each time, and the limit also stops cycles."""
    waiting, size = [result], 0
    while waiting:
        value = waiting.pop()
        if isinstance(value, str | bytes):
            size += len(value)
        elif isinstance(value, Mapping):
            size += len(value)
            if size <= MOST:
                waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple):
            size += len(value)
            if size <= MOST:
                waiting += value
        elif isinstance(value, int):
            size += value.bit_length() // 64
        if size > MOST:
            raise TooMuch(f"{name} returned a value of more than {MOST} characters or items")


def _writer(name: str) -> Callable[..., object]:
    """Return a function of the template language, called through a small template."""

    def write(*arguments: object) -> object:
        return _call_of(name, len(arguments)).render({f"A{number}": value for number, value in enumerate(arguments)})

    return write


@lru_cache(maxsize=256)
def _call_of(name: str, count: int) -> Any:
    import gotpl

    return gotpl.Template(f"{{{{ {name} {' '.join(f'.A{number}' for number in range(count))} }}}}")
