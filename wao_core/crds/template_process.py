"""The process that renders Go templates, with limits that the kernel enforces.

It is started as `python -m wao_core.crds.template_process`. A template may come from anybody who may create one in a
namespace, and many functions multiply: the width of a printf, thirty calls that double a string,
a regular expression that backtracks. So the memory of this process is limited (RLIMIT_AS), and so is the CPU time of
each rendering (ITIMER_PROF). A template that needs more ends this process, and `wao_core.crds.template_worker` starts a
new one. The template engine itself limits the output, the iterations, the depth and the number of calls.

The standard input is a stream socket: a line of JSON comes in, with data and templates, and a line goes out for each
template, up to the first that cannot be rendered.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from pathlib import Path
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
"""Functions of the template language and of sprig; the others read the environment, the network or the clock."""
_FIELDS = (
    "Hostname Name IPv4 IPv6 Address Octet1 Octet2 Octet3 Octet4 Labels Annotations ProviderID InternalIPs".split()
)

MEMORY_MIB = 64
"""MiB of address space for data and templates, on top of what the process has when it is ready."""
CPU_SECONDS = 0.5
"""CPU time for one template; a usual one takes a tenth of a millisecond."""
OUT_OF_MEMORY = 70
"""Exit status after a template that needed more memory."""
MAX_OUTPUT = 1024
"""Characters of a rendered template."""
READY = b"ready\n"


def main() -> None:
    """Answer requests until the other end closes the socket."""
    channel = socket.socket(fileno=0)
    _render(
        '{{ regexMatch "a+" (printf "%s" .Hostname) }}', {"Hostname": "a"}
    )  # load lazily imported modules before the limits apply
    _limit()
    channel.sendall(READY)
    with channel.makefile("rb") as requests:
        for request in requests:
            _answer(channel, request)


def _limit() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    memory = pages * resource.getpagesize() + MEMORY_MIB * 2**20
    for limit, value in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0)):
        resource.setrlimit(limit, (value, value))


def _answer(channel: socket.socket, request: bytes) -> None:
    try:
        work = json.loads(request)
        for template in work["templates"]:
            reply = _reply(template, work["data"])
            channel.sendall(json.dumps(reply).encode() + b"\n")
            if "error" in reply:
                return
    except MemoryError:
        os._exit(OUT_OF_MEMORY)


def _reply(template: str, data: Mapping[str, Any]) -> dict[str, str]:
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)  # SIGPROF ends the process, whatever it is doing
    try:
        return {"output": _render(template, data)}
    except Exception as error:
        if _is_out_of_memory(error):
            raise MemoryError from None
        return {"error": _message(error)}
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _render(template: str, data: Mapping[str, Any]) -> str:
    output: str = _compiled(template).render(dict(data))
    if len(output) > MAX_OUTPUT:
        raise ValueError(f"the result is longer than {MAX_OUTPUT} characters")
    return output


def _is_out_of_memory(error: BaseException | None) -> bool:
    """Return whether a MemoryError is the reason; the template engine wraps the exceptions of functions."""
    while error is not None and not isinstance(error, MemoryError):
        error = error.__cause__ or error.__context__
    return error is not None


def _message(error: Exception) -> str:
    import gotpl

    text = " ".join(str(error).split())[:300]
    return text if isinstance(error, gotpl.TemplateError | ValueError) else f"{type(error).__name__}: {text}"


@lru_cache(maxsize=512)
def _compiled(template: str) -> Any:
    """Return the compiled template, cached: compiling costs ten times as much as rendering."""
    import gotpl

    return gotpl.Template(
        template,
        functions=_functions(),
        missing_key="error",
        sandbox=gotpl.SandboxPolicy.strict(allow_attributes=_FIELDS, allow_functions=ALLOWED),
        budget=gotpl.ExecutionBudget(
            max_output_chars=MAX_OUTPUT, max_iterations=1000, max_template_depth=20, max_function_calls=1000
        ),
    )


@cache
def _functions() -> dict[str, Callable[..., object]]:
    """Return sprig's functions by name; those of the language itself need no entry."""
    from gotpl.funcs.sprig import hermetic_text_func_map

    return {name: function for name, function in hermetic_text_func_map().items() if name in ALLOWED}


if __name__ == "__main__":
    main()
