"""A process that renders Go templates, started when it is needed and again when a template has ended it."""

from __future__ import annotations

import atexit
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from wao_core.crds.template_process import CPU_SECONDS, MEMORY_MIB, OUT_OF_MEMORY, READY
from wao_core.errors import TemplateError, TemplateNotRendered

COMMAND = (sys.executable, "-P", "-m", "wao_core.crds.template_process")
START_SECONDS = 30.0
"""Seconds until a new process is ready; it takes half a second on an idle machine."""
REPLY_SECONDS = 10.0
"""Seconds for one template. The CPU time is limited by the process itself; this is for one that is stopped."""
MAX_REPLY = 32 * 1024
"""Bytes of a reply: an output or an error, in JSON."""


class TemplateOverrun(TemplateError):
    """A template needed more memory or CPU time than it may have."""


@dataclass(frozen=True, slots=True)
class _Process:
    process: subprocess.Popen[bytes]
    channel: socket.socket
    replies: IO[bytes]

    def end(self) -> int:
        """Kill the process, wait for its end, and return its exit status; of one that had ended, its own."""
        self.replies.close()
        self.channel.close()
        self.process.kill()  # does nothing if the process has been waited for
        return self.process.wait()


class TemplateWorker:
    """Renders Go templates in a process of limited memory and CPU time; safe to use from several threads."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = command
        self._running: _Process | None = None
        self._lock = threading.Lock()
        atexit.register(self.close)

    def close(self) -> None:
        """End the process; the next rendering starts another one."""
        with self._lock:
            self._end()

    def render(self, templates: Sequence[str], data: Mapping[str, Any]) -> list[str | TemplateError]:
        """Return the outputs, up to the first template that cannot be rendered: the last item is its error."""
        request = json.dumps({"templates": templates, "data": data}).encode() + b"\n"
        results: list[str | TemplateError] = []
        with self._lock:
            try:
                running = self._ready()
                running.channel.sendall(request)
                while len(results) < len(templates):
                    output = self._output(running)
                    results.append(output)
                    if isinstance(output, TemplateError):
                        break
            except OSError as error:  # TimeoutError among them
                self._end()
                results.append(TemplateNotRendered(f"the process for templates does not work: {error}"))
        return results

    def _ready(self) -> _Process:
        if self._running is not None and self._running.process.poll() is not None:  # ended between two renderings
            self._end()
        if self._running is None:
            self._running = _start(self._command)
            self._running.channel.settimeout(START_SECONDS)
            if self._running.replies.readline(MAX_REPLY) != READY:
                raise OSError(f"it ended with status {self._end()} before it was ready")
            self._running.channel.settimeout(REPLY_SECONDS)
        return self._running

    def _output(self, running: _Process) -> str | TemplateError:
        line = running.replies.readline(MAX_REPLY)
        if not line.endswith(b"\n"):
            return TemplateOverrun(_reason(self._end()))
        reply: dict[str, str] = json.loads(line)
        return TemplateError(reply["error"]) if "error" in reply else reply["output"]

    def _end(self) -> int | None:
        running, self._running = self._running, None
        return None if running is None else running.end()


def _start(command: Sequence[str]) -> _Process:
    ours, theirs = socket.socketpair()
    try:
        with theirs:  # a process group of its own: Ctrl-C in a terminal is for the parent
            process = subprocess.Popen(  # noqa: S603 - our own module
                command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, process_group=0
            )
    except OSError:
        ours.close()
        raise
    return _Process(process, ours, ours.makefile("rb"))


def _reason(status: int | None) -> str:
    if status == OUT_OF_MEMORY:
        return f"it needs more than {MEMORY_MIB} MiB of memory; build shorter strings and lists"
    if status == -signal.SIGPROF:
        return f"it takes more than {CPU_SECONDS:g} s of CPU time; use fewer loops or a simpler regular expression"
    return f"it ended the process that renders templates (status {status}); use fewer and simpler functions"
