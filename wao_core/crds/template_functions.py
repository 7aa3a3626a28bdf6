"""The functions that Go templates may call, each with bounds on what it takes and gives.

Number of calls and size of the output are bounded by the template engine. That is not enough: thirty calls that
double a text make a gigabyte. So what goes in and what comes out of every function is measured, and time is, too.
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
"""Functions of the language itself that make texts."""

MOST = 2048
"""Characters of a text, items and characters of a list or dictionary, bits of a number."""
MOST_NUMBER = 1000
"""Of an argument that says how often or how wide."""
MOST_REPEATS = 100
"""Product of a regular expression's counted repetitions: each copies what it repeats."""
MOST_PATTERN, MOST_SEARCHED = 200, 1024
"""Characters of a regular expression, and of a text that it is looked for in."""
MOST_SECONDS = 0.5
"""Of CPU time for one template; what is usual takes a hundredth of a millisecond."""

_COUNTED = frozenset({"indent", "nindent", "round", "wrap"})
_WIDE = re.compile(r"%[-+# 0]*(?:\d{3,}|\*)|%[-+# 0]*\d*\.(?:\d{3,}|\*)")
_REPEAT = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_deadline: ContextVar[float] = ContextVar("deadline", default=float("inf"))


class TooMuch(ValueError):
    """A function was given, or has made, more than is allowed."""


class TooSlow(TooMuch):
    """The template has taken more time than is allowed."""


@contextmanager
def bounded_time() -> Iterator[None]:
    """Let functions that are called in here fail with `TooSlow` when they have had their time."""
    token = _deadline.set(time.thread_time() + MOST_SECONDS)
    try:
        yield
    finally:
        _deadline.reset(token)


@cache
def functions() -> dict[str, Callable[..., object]]:
    """Return the functions by name; those of the language that only compare or take apart need no entry."""
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
            raise TooMuch(f"{name} is given a text of more than {MOST} characters")
        if name in _COUNTED and isinstance(argument, int | float) and abs(argument) > MOST_NUMBER:
            raise TooMuch(f"{name} is given a number over {MOST_NUMBER}")
    if name == "printf" and arguments and _WIDE.search(str(arguments[0])):
        raise TooMuch("a printf width of three digits and more is not allowed")
    if name.startswith("regex") and arguments:
        _check_pattern(str(arguments[0]), arguments[1:])


def _check_pattern(pattern: str, arguments: tuple[object, ...]) -> None:
    repeats = 1
    for low, high in _REPEAT.findall(pattern):
        repeats *= max(1, int(high or low))
    if len(pattern) > MOST_PATTERN or repeats > MOST_REPEATS:
        raise TooMuch(f"a regular expression has more than {MOST_PATTERN} characters or {MOST_REPEATS} repetitions")
    if any(isinstance(argument, str) and len(argument) > MOST_SEARCHED for argument in arguments):
        raise TooMuch(f"a regular expression is looked for in more than {MOST_SEARCHED} characters")


def _check_size(name: str, result: object) -> None:
    """Count a value's parts; what is in it twice counts twice, and what is in itself has no end."""
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
            raise TooMuch(f"{name} makes a value of more than {MOST} characters or items")


def _writer(name: str) -> Callable[..., object]:
    """Return a function of the language, as the engine has it, called by a template of its own."""

    def write(*arguments: object) -> object:
        return _call_of(name, len(arguments)).render({f"A{number}": value for number, value in enumerate(arguments)})

    return write


@lru_cache(maxsize=256)
def _call_of(name: str, count: int) -> Any:
    import gotpl

    return gotpl.Template(f"{{{{ {name} {' '.join(f'.A{number}' for number in range(count))} }}}}")
