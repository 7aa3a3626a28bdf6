"""The process that renders templates: started when needed, replaced when it ends, used by many threads."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wao_core.crds.template_worker import TemplateOverrun, TemplateWorker
from wao_core.errors import TemplateError, TemplateNotRendered


@pytest.fixture
def worker() -> Iterator[TemplateWorker]:
    worker = TemplateWorker()
    yield worker
    worker.close()


def test_outputs_come_in_order_up_to_the_first_error(worker: TemplateWorker) -> None:
    outputs = worker.render(["{{ .A }}", "{{ .B }}", "{{ .Nope }}", "{{ .A }}"], {"A": "ä\n", "B": 2})
    assert outputs[:2] == ["ä\n", "2"]
    assert isinstance(outputs[2], TemplateError)
    assert len(outputs) == 3


def test_a_template_that_ends_the_process_is_an_error_and_the_next_one_gets_a_new_process(
    worker: TemplateWorker,
) -> None:
    *_, error = worker.render(["{{ .A }}", '{{ printf "%[2]*[1]d" 1 999999999 }}', "{{ .A }}"], {"A": 1})
    assert isinstance(error, TemplateOverrun)
    assert worker.render(["{{ .A }}"], {"A": 1}) == ["1"]


def test_a_process_that_was_killed_between_two_renderings_is_replaced(worker: TemplateWorker) -> None:
    before = children()
    assert worker.render(["{{ .A }}"], {"A": 1}) == ["1"]
    for process in children() - before:
        os.kill(process, signal.SIGKILL)
        os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
    assert worker.render(["{{ .A }}"], {"A": 2}) == ["2"]


def test_no_process_is_left_when_the_worker_is_closed(worker: TemplateWorker) -> None:
    before = children()
    worker.render(["{{ .A }}"], {"A": 1})
    assert len(children()) == len(before) + 1
    worker.close()
    assert children() == before


def test_a_process_that_cannot_be_started_is_an_error_that_may_pass() -> None:
    for command in (("/nonexistent",), (sys.executable, "-c", "")):
        worker = TemplateWorker(command)
        (error,) = worker.render(["{{ .A }}"], {"A": 1})
        assert isinstance(error, TemplateNotRendered)
        worker.close()


def test_threads_get_the_outputs_of_their_own_data(worker: TemplateWorker) -> None:
    with ThreadPoolExecutor(8) as threads:
        results = threads.map(lambda number: worker.render(["{{ .A }}"] * 3, {"A": number}), range(200))
        assert list(results) == [[str(number)] * 3 for number in range(200)]


def children() -> set[int]:
    path = Path(f"/proc/self/task/{os.getpid()}/children")
    return {int(number) for number in path.read_text().split()}
