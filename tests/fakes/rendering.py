"""Renders templates in a process of its own and prints what the kernel counts: `python -m tests.fakes.rendering`."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from wao_core.crds.template_worker import TemplateWorker
from wao_core.errors import TemplateError

DATA = {"Hostname": "worker-7", "Labels": {"site": "a"}, "IPv4": {"Address": "10.0.0.7", "Octet4": "7"}}


def peak_mib_of_rendering(templates: Sequence[str]) -> tuple[int, int]:
    """Return the peaks of resident memory in MiB: of a process that has the templates rendered, and of the renderer."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fakes.rendering"],
        input=json.dumps(list(templates)),
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    own, renderer = json.loads(done.stdout)
    return own, renderer


def main() -> None:
    worker = TemplateWorker()
    for template in json.load(sys.stdin):
        (result,) = worker.render([template], DATA)
        assert isinstance(result, TemplateError) or len(result) <= 1024
    worker.close()
    own = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())  # ru_maxrss is that of the parent too
    assert own is not None
    json.dump([int(own[1]) // 1024, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024], sys.stdout)


if __name__ == "__main__":
    main()
