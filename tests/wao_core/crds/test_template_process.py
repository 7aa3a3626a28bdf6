"""The process that renders templates: its answers, and how it ends when a template needs too much."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TextIO

import pytest

from wao_core.crds.template_process import ALLOWED, MAX_OUTPUT, OUT_OF_MEMORY, READY

GREEDY = '{{ printf "%[2]*[1]d" 1 999999999 }}'
SLOW = '{{ range list 1 2 3 4 5 6 7 8 9 }}{{ regexMatch "(a?){100}b" $.Long }}{{ end }}'


@dataclass
class Renderer:
    """A running process and our end of its socket."""

    process: subprocess.Popen[bytes]
    ours: socket.socket
    lines: TextIO

    def ask(self, *templates: str, **data: str) -> None:
        self.lines.write(json.dumps({"templates": templates, "data": data}) + "\n")
        self.lines.flush()

    def answer(self) -> Any:
        return json.loads(self.lines.readline())


@contextmanager
def renderer() -> Iterator[Renderer]:
    ours, its = socket.socketpair()
    command = [sys.executable, "-m", "wao_core.crds.template_process"]
    with ours, subprocess.Popen(command, stdin=its.fileno(), stderr=subprocess.DEVNULL) as process:
        its.close()
        lines = ours.makefile("rw", encoding="utf-8")
        assert lines.readline().encode() == READY
        try:
            yield Renderer(process, ours, lines)
        finally:
            process.kill()


def test_each_template_has_an_answer_until_one_cannot_be_rendered() -> None:
    with renderer() as made:
        made.ask("{{ upper .Name }}", "", "{{ .Nope }}", "never", Name="n7")
        assert made.answer() == {"output": "N7"}
        assert made.answer() == {"output": ""}
        assert "Nope" in made.answer()["error"]
        made.ask("{{ .Name }}", Name="again")
        assert made.answer() == {"output": "again"}


def test_an_output_that_is_too_long_is_an_error() -> None:
    with renderer() as made:
        made.ask("{{ .Name }}", Name="x" * (MAX_OUTPUT + 1))
        assert "1024" in made.answer()["error"]


def test_a_template_that_needs_too_much_memory_ends_the_process_with_a_status_of_its_own() -> None:
    with renderer() as made:
        made.ask(GREEDY)
        assert made.process.wait(30) == OUT_OF_MEMORY


def test_a_template_that_takes_too_long_is_ended_by_the_kernel() -> None:
    with renderer() as made:
        made.ask(SLOW, Long="a" * 1000)
        assert made.process.wait(30) == -signal.SIGPROF


def test_it_ends_when_its_user_goes() -> None:
    with renderer() as made:
        made.ours.shutdown(socket.SHUT_RDWR)
        assert made.process.wait(30) == 0


@pytest.mark.parametrize("name", ["env", "expandenv", "getHostByName", "now", "repeat", "until", "genPrivateKey"])
def test_functions_that_read_the_environment_or_multiply_are_not_offered(name: str) -> None:
    assert name not in ALLOWED
