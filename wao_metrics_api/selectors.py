"""Label selectors in their text form, `a=b,c in (x,y),!d`, parsed and printed as k8s.io/apimachinery does. Pure.

The grammar, the messages and the order of requirements follow pkg/labels/selector.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from wao_core.cluster.names import is_label_value, is_subdomain
from wao_core.cluster.selector import satisfies
from wao_core.errors import WaoCoreError

MAX_LENGTH = 8192
"""Characters of a selector."""
MAX_REQUIREMENTS = 64
"""Terms of a selector: each is compared with the labels of every node."""
_SPECIAL = frozenset("=!(),<>")
_SYMBOLS = frozenset({")", ",", "!", "==", "=", ">", "<", "!=", "("})
_OPERATORS = ("in", "notin", "=", "==", "!=", ">", "<")


class SelectorError(WaoCoreError, ValueError):
    """The text is not a label selector; the message is that of a Kubernetes API server."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One term of a selector. Operators: in, notin, =, ==, !=, >, <, exists, !."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels satisfy this term."""
        return satisfies(labels.get(self.key), self.operator, self.values)

    def __str__(self) -> str:
        match self.operator:
            case "exists":
                return self.key
            case "!":
                return f"!{self.key}"
            case "in" | "notin":
                return f"{self.key} {self.operator} ({','.join(self.values)})"
            case _:
                return f"{self.key}{self.operator}{self.values[0]}"


@dataclass(frozen=True, slots=True)
class Selector:
    """A selector; without terms it matches everything."""

    requirements: tuple[Requirement, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.requirements)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels satisfy every term."""
        return all(requirement.matches(labels) for requirement in self.requirements)

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))

    def as_label_selector(self) -> dict[str, object]:
        """Return this selector as a LabelSelector object of meta/v1."""
        result: dict[str, object] = {}
        equal = {term.key: term.values[0] for term in self.requirements if term.operator in ("=", "==")}
        if equal:
            result["matchLabels"] = equal
        names = {"in": "In", "notin": "NotIn", "!=": "NotIn", "exists": "Exists", "!": "DoesNotExist"}
        expressions = [
            {"key": term.key, "operator": names[term.operator]} | ({"values": list(term.values)} if term.values else {})
            for term in self.requirements
            if term.operator in names
        ]
        if expressions:
            result["matchExpressions"] = expressions
        return result


@lru_cache(maxsize=256)
def parse_selector(text: str) -> Selector:
    """Return the selector that `text` describes; raises `SelectorError`."""
    if len(text) > MAX_LENGTH:
        raise SelectorError(f"a selector of {len(text)} characters is too long: {MAX_LENGTH} is the limit")
    found = _Parser(_tokens(text)).parse()
    if len(found.requirements) > MAX_REQUIREMENTS:
        raise SelectorError(f"{len(found.requirements)} requirements are too many: {MAX_REQUIREMENTS} is the limit")
    return found


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    position = 0
    while position < len(text):
        start = position
        if text[position] in " \t\r\n":
            position += 1
            continue
        if text[position] in _SPECIAL:
            position += 2 if text[position : position + 2] in _SYMBOLS else 1
        else:
            while position < len(text) and text[position] not in _SPECIAL and text[position] not in " \t\r\n":
                position += 1
        found.append(text[start:position])
    return found


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens, self._position = tokens, 0

    def parse(self) -> Selector:
        requirements: list[Requirement] = []
        while (word := self._peek()) is not None:
            if not (_is_identifier(word) or word == "!"):
                raise SelectorError(f"found '{word}', expected: !, identifier, or 'end of string'")
            try:
                requirements.append(self._requirement())
            except SelectorError as error:
                raise SelectorError(f"unable to parse requirement: {error}") from None
            separator = self._next()
            if separator is None:
                break
            if separator != ",":
                raise SelectorError(f"found '{separator}', expected: ',' or 'end of string'")
            following = self._peek()
            if following is None or not (_is_identifier(following) or following == "!"):
                raise SelectorError(f"found '{following or ''}', expected: identifier after ','")
        return Selector(tuple(sorted(requirements, key=lambda requirement: requirement.key)))

    def _requirement(self) -> Requirement:
        word = self._next()
        absent = word == "!"
        if absent:
            word = self._next()
        if word is None or not _is_identifier(word):
            raise SelectorError(f"found '{word or ''}', expected: identifier")
        key = _checked_key(word)
        if absent:
            return Requirement(key, "!")
        if self._peek() in (None, ","):
            return Requirement(key, "exists")
        operator = self._next() or ""
        if operator not in _OPERATORS:
            raise SelectorError(f"found '{operator}', expected: {', '.join(_OPERATORS)}")
        values = self._values() if operator in ("in", "notin") else (self._exact_value(),)
        return _checked(Requirement(key, operator, values))

    def _values(self) -> tuple[str, ...]:
        opening = self._next()
        if opening != "(":
            raise SelectorError(f"found '{opening or ''}' expected: '('")
        values: set[str] = set()
        expect_value = True
        while (word := self._next()) != ")":
            if word == ",":
                if expect_value:
                    values.add("")
                expect_value = True
            elif word is not None and _is_identifier(word) and expect_value:
                values.add(word)
                expect_value = False
            else:
                raise SelectorError(f"found '{word or ''}', expected: ',', or ')'")
        if expect_value and values:
            values.add("")
        return tuple(sorted(values))

    def _exact_value(self) -> str:
        if self._peek() in (None, ","):
            return ""
        word = self._next() or ""
        if not _is_identifier(word):
            raise SelectorError(f"found '{word}', expected: identifier")
        return word

    def _peek(self) -> str | None:
        return self._tokens[self._position] if self._position < len(self._tokens) else None

    def _next(self) -> str | None:
        word = self._peek()
        self._position += 1
        return word


def _is_identifier(word: str) -> bool:
    return word[0] not in _SPECIAL


def _checked_key(key: str) -> str:
    prefix, slash, name = key.rpartition("/")
    if (slash and not is_subdomain(prefix)) or not is_label_value(name):
        raise SelectorError(
            f"key: Invalid value: \"{key}\": name part must consist of alphanumeric characters, '-', '_' or '.'"
        )
    return key


def _checked(requirement: Requirement) -> Requirement:
    if not requirement.values:
        raise SelectorError("values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty")
    for number, value in enumerate(requirement.values):
        if requirement.operator in "<>" and re.fullmatch(r"[+-]?\d{1,18}", value) is None:
            raise SelectorError(
                f"values[{number}]: Invalid value: \"{value}\": for 'Gt', 'Lt' operators, the value must be an integer"
            )
        if value and not is_label_value(value):
            raise SelectorError(
                f'values[{number}][{requirement.key}]: Invalid value: "{value}": a valid label must be an empty string '
                "or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
                "character"
            )
    return requirement
