"""Renders templates in a process of its own and prints what the kernel counts: `python -m tests.fakes.rendering`."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wao_core.crds.template_worker import TemplateWorker
from wao_core.errors import TemplateError

DATA = {"Hostname": "worker-7", "Labels": {"site": "a"}, "IPv4": {"Address": "10.0.0.7", "Octet4": "7"}}


@dataclass(frozen=True, slots=True)
class RenderedApart:
    """What became of templates in a process of its own.

    Attributes
    ----------
    own, renderer
        Peaks of resident memory of the process that has the templates rendered, and of the renderer [MiB].
    errors
        The error of each template, empty where it was rendered.
    """

    own: int
    renderer: int
    errors: tuple[str, ...]


def render_apart(templates: Sequence[str]) -> RenderedApart:
    """Have the templates rendered in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fakes.rendering"],
        input=json.dumps(list(templates)),
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    own, renderer, errors = json.loads(done.stdout)
    return RenderedApart(own, renderer, tuple(errors))


def main() -> None:
    worker, errors = TemplateWorker(), []
    for template in json.load(sys.stdin):
        (result,) = worker.render([template], DATA)
        assert isinstance(result, TemplateError) or len(result) <= 1024
        errors.append(str(result) if isinstance(result, TemplateError) else "")
    worker.close()
    own = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())  # ru_maxrss is that of the parent too
    assert own is not None
    renderer = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    json.dump([int(own[1]) // 1024, renderer // 1024, errors], sys.stdout)


if __name__ == "__main__":
    main()
