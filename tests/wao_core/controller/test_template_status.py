"""The status of a template: which of several results it states, and when it is written and reported."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.statuses import StatusSource
from tests.fakes.templates import template
from wao_core.cluster.records import Kind
from wao_core.controller.diff import NodeConfigChanges
from wao_core.controller.template_status import TemplateStatusReporter, template_status
from wao_core.crds.desired import TemplateResult

ERRORS = {"b": "inletTemp.endpoint: no such key", "a": "deltaP.endpoint: forbidden"}


@pytest.mark.parametrize(
    ("result", "taken", "status", "reason", "message"),
    [
        (TemplateResult(3), [], "True", "Rendered", "3 nodes"),
        (TemplateResult(0), [], "True", "Rendered", "0 nodes"),
        (
            TemplateResult(3, errors=ERRORS),
            [],
            "False",
            "TemplateError",
            "node a: deltaP.endpoint: forbidden (and 1 more nodes)",
        ),
        (TemplateResult(3, errors={"a": "x"}), [], "False", "TemplateError", "node a: x"),
        (
            TemplateResult(1, {"d": "w/old", "c": "w/older"}),
            [],
            "False",
            "Conflict",
            "2 nodes, such as c, have their NodeConfig from w/older, which is older",
        ),
        (
            TemplateResult(1),
            ["w/t-a"],
            "False",
            "NameTaken",
            "w/t-a exists and was not created from a template: it is left unchanged",
        ),
        (TemplateResult(1, {"d": "w/old"}, {"a": "x"}), ["w/t-b"], "False", "TemplateError", "node a: x"),
        (TemplateResult(1, {"d": "w/old"}), ["w/t-b"], "False", "Conflict", "1 nodes, such as d"),
    ],
)
def test_the_condition_states_the_first_problem(
    result: TemplateResult, taken: list[str], status: str, reason: str, message: str
) -> None:
    (ready,) = template_status(template("t"), result, taken).conditions
    assert (ready.type, ready.status, ready.reason) == ("Ready", status, reason)
    assert ready.message.startswith(message)


def test_nodes_whose_node_config_cannot_be_rendered_are_not_counted() -> None:
    assert template_status(template("t"), TemplateResult(3, errors=ERRORS), []).fields["nodes"] == 1


class Bench:
    """A reporter over a fake API server with templates t and u."""

    def __init__(self) -> None:
        self.source, self.now = StatusSource(), 0.0
        for name in ("t", "u"):
            self.source.state.put(Kind.NODE_CONFIG_TEMPLATE, template(name))
        self.reporter = TemplateStatusReporter(
            self.source,  # type: ignore[arg-type]
            clock=lambda: self.now,
            wall_clock=lambda: 1000.0 + self.now,
        )

    async def report(self, result: TemplateResult, **changes: Any) -> int:
        return await self.reporter.report({"w/t": result}, NodeConfigChanges(**changes))


async def test_a_status_is_written_once_and_one_that_is_not_ready_is_an_event() -> None:
    bench = Bench()
    for _ in range(2):
        assert await bench.report(TemplateResult(3, errors=ERRORS)) == 0
    assert len(bench.source.written) == 1
    assert [reason for reason, _ in bench.source.events] == ["TemplateError"]
    await bench.report(TemplateResult(3))
    assert len(bench.source.written) == 2
    assert len(bench.source.events) == 1


async def test_only_names_that_this_template_wants_are_taken_from_it() -> None:
    bench = Bench()
    await bench.report(TemplateResult(1), taken={"w/u-a": "w/u"})
    assert bench.source.events == []
    await bench.report(TemplateResult(1), taken={"w/u-a": "w/u", "w/t-a": "w/t"})
    assert [reason for reason, _ in bench.source.events] == ["NameTaken"]


async def test_a_template_that_is_gone_has_no_status() -> None:
    bench = Bench()
    bench.source.state.remove(Kind.NODE_CONFIG_TEMPLATE, "w/t")
    assert await bench.report(TemplateResult(3)) == 0
    assert bench.source.written == []


async def test_a_failed_write_is_no_event_yet_and_due_again_after_a_back_off() -> None:
    bench = Bench()
    bench.source.writes_fail = True
    assert await bench.report(TemplateResult(3, errors=ERRORS)) == 1
    assert bench.source.events == []
    wait = bench.reporter.retry_in()
    assert wait is not None
    assert wait > 0
    bench.source.writes_fail, bench.now = False, wait
    assert await bench.report(TemplateResult(3, errors=ERRORS)) == 0
    assert len(bench.source.events) == 1
    assert bench.reporter.retry_in() is None
