"""Reads the instructions that our Dockerfile uses, and refuses all others. Pure."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field

KNOWN = {"RUN", "COPY", "ENV", "WORKDIR", "USER", "ENTRYPOINT", "CMD"}


class DockerfileError(Exception):
    """An instruction cannot be carried out; the text names the line."""


@dataclass(frozen=True)
class Instruction:
    """One instruction; `line` is that of its first word, counted from 1."""

    word: str
    text: str
    line: int

    def words(self) -> list[str]:
        """Return the JSON list, or the words of a shell."""
        return [str(word) for word in json.loads(self.text)] if self.text.startswith("[") else shlex.split(self.text)


@dataclass(frozen=True)
class Stage:
    """The instructions after a FROM; `name` is empty if it has none."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)


def parse(text: str) -> list[Stage]:
    """Return the stages of a Dockerfile.

    Raises
    ------
    DockerfileError
        An instruction is not supported, or there is none.
    """
    stages: list[Stage] = []
    for instruction in _instructions(text):
        if instruction.word == "FROM":
            stages.append(_stage(instruction))
        elif not stages or instruction.word not in KNOWN:
            raise DockerfileError(f"line {instruction.line}: {instruction.word} is not supported here")
        else:
            stages[-1].instructions.append(instruction)
    if not stages:
        raise DockerfileError("there is no FROM")
    return stages


def _stage(instruction: Instruction) -> Stage:
    found = re.fullmatch(r"(\S+)(?:\s+AS\s+(\S+))?", instruction.text, re.IGNORECASE)
    if found is None:
        raise DockerfileError(
            f"line {instruction.line}: FROM {instruction.text}: only FROM IMAGE [AS NAME] is supported"
        )
    return Stage(found[1], found[2] or "")


def _instructions(text: str) -> list[Instruction]:
    found: list[Instruction] = []
    begun: tuple[str, int] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#") or (not line.strip() and begun is None):
            continue
        before, first = begun or ("", number)
        joined = before + line
        if joined.endswith("\\"):
            begun = (joined[:-1], first)
            continue
        begun = None
        word, _, rest = joined.strip().partition(" ")
        found.append(Instruction(word.upper(), rest.strip(), first))
    if begun is not None:
        raise DockerfileError(f"line {begun[1]}: the instruction has no end")
    return found
