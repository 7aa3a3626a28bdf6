"""Curves in the background: one call per model, and no model delays another."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from tests.fakes.curves import CurveBench, FakeModel
from wao_core.prediction.curve_book import CurveBook
from wao_core.prediction.model_inputs import Conditions
from wao_predict import AsyncPredictor
from wao_predict.endpoint import Endpoint
from wao_predict.errors import RemoteError
from wao_predict.flow import AsyncTransport, Request, Response


async def test_all_nodes_of_a_model_take_one_call() -> None:
    bench = CurveBench(m=FakeModel())
    await bench.ask(a=("m", 20.0), b=("m", 25.0))
    assert bench.models["m"].calls == [2 * bench.book.knots.size]
    entry = bench.book.entry("b")
    assert entry is not None
    assert entry.watts[0] == 125.0


@pytest.mark.parametrize(("move", "calls"), [(0.1, 1), (0.3, 2)])
async def test_a_curve_is_made_again_only_when_inputs_move(move: float, calls: int) -> None:
    bench = CurveBench(m=FakeModel())
    await bench.ask(a=("m", 20.0))
    await bench.ask(a=("m", 20.0 + move))
    assert len(bench.models["m"].calls) == calls


async def test_a_curve_is_made_again_when_it_is_old() -> None:
    bench = CurveBench(m=FakeModel())
    await bench.ask(a=("m", 20.0))
    bench.clock.now += 901
    await bench.ask(a=("m", 20.0))
    assert len(bench.models["m"].calls) == 2


async def test_a_failing_model_keeps_the_last_curve_and_is_asked_with_backoff() -> None:
    bench = CurveBench(m=FakeModel())
    await bench.ask(a=("m", 20.0))
    bench.models["m"].error = RemoteError("refused")
    for _ in range(5):
        await bench.ask(a=("m", 30.0))
    assert len(bench.models["m"].calls) == 2
    assert bench.book.problem(Endpoint("Onnx", "m")) == "refused"
    entry = bench.book.entry("a")
    assert entry is not None
    assert entry.conditions.inlet_temp == 20.0
    bench.models["m"].error = None
    bench.clock.now += 120
    await bench.ask(a=("m", 30.0))
    assert bench.book.problem(Endpoint("Onnx", "m")) == ""


async def test_a_hanging_model_holds_up_no_other() -> None:
    bench = CurveBench(m=FakeModel(), slow=FakeModel())
    bench.hanging.add("slow")
    await bench.ask(a=("m", 20.0), b=("slow", 20.0))
    assert bench.book.entry("a") is not None
    assert bench.book.entry("b") is None
    await bench.book.close()


async def test_a_model_may_be_asked_in_cores() -> None:
    """The reference's cpuUsageFormat Raw: at full load a node of 32 cores is asked for 32, not for 100."""
    bench = CurveBench(m=FakeModel(), asks_in_cores=True)
    wanted = {name: Conditions(Endpoint("Onnx", "m"), 0.0, 0.0, cores) for name, cores in (("a", 32.0), ("b", 8.0))}
    bench.book.update(wanted)
    await bench.book.settle(0.5)
    for name, cores in (("a", 32.0), ("b", 8.0)):
        entry = bench.book.entry(name)
        assert entry is not None
        assert (entry.watts[0], entry.watts[-1]) == (100.0, 100.0 + cores)
    bench.book.update({"a": Conditions(Endpoint("Onnx", "m"), 0.0, 0.0, 64.0)})  # a node that grew
    await bench.book.settle(0.5)
    entry = bench.book.entry("a")
    assert entry is not None
    assert entry.watts[-1] == 164.0


async def test_a_model_that_states_its_cpu_loads_is_asked_in_percent_all_the_same() -> None:
    class Stated(FakeModel):
        knots = np.array([0.0, 50.0, 100.0])

    bench = CurveBench(m=Stated(), asks_in_cores=True)
    bench.book.update({"a": Conditions(Endpoint("Onnx", "m"), 0.0, 0.0, 32.0)})
    await bench.book.settle(0.5)
    entry = bench.book.entry("a")
    assert entry is not None
    assert entry.watts[-1] == 200.0


async def test_settled_means_that_nothing_more_will_come_now() -> None:
    bench = CurveBench(m=FakeModel(), bad=FakeModel())
    bench.models["bad"].error = RemoteError("refused")
    bench.book.update(
        {"a": Conditions(Endpoint("Onnx", "m"), 20.0, 5.0), "b": Conditions(Endpoint("Onnx", "bad"), 2, 5)}
    )
    assert not bench.book.settled
    await bench.book.settle(0.5)
    assert bench.book.settled


async def test_nodes_and_models_that_are_gone_are_forgotten() -> None:
    bench = CurveBench(m=FakeModel())
    await bench.ask(a=("m", 20.0), b=("m", 20.0))
    await bench.ask(a=("m", 20.0))
    assert bench.book.entry("b") is None


class SlowToClose(AsyncTransport):
    """A connection whose end takes some rounds of the event loop, as a logout does."""

    closed = False

    async def send(self, request: Request) -> Response:
        raise NotImplementedError

    async def close(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        self.closed = True


async def test_closing_waits_until_the_connections_of_all_models_are_closed() -> None:
    transport = SlowToClose()

    async def open_model(_endpoint: Endpoint) -> AsyncPredictor:
        return AsyncPredictor(FakeModel(), transport=transport)

    book = CurveBook(open_model)
    book.update({"a": Conditions(Endpoint("V2", "https://m"), 20.0, 5.0)})
    await book.settle(0.5)
    await book.close()
    assert transport.closed
