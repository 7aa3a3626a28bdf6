"""Displays: made by a class method, artists kept, several on the same axes."""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.fleets import fleet_of
from wao_predict import MissingExtra, PowerCurveDisplay, Predictor, UsageError, load_predictor
from wao_predict.backends.fake import FakeBackend
from wao_predict.curves import PowerCurve
from wao_predict.intervals import Intervals
from wao_predict.plot import PALETTE, PlacementDisplay
from wao_predict.simulate.placement import simulate

CURVE = PowerCurve.from_watts([0, 50, 100], [100.0, 180.0, 200.0])


def test_the_line_is_the_curve() -> None:
    predictor = load_predictor("cloud_dell")
    display = PowerCurveDisplay.from_predictor(predictor, inlet_temp=22, delta_p=10)
    expected = PowerCurve.from_predictor(predictor, 22, 10)
    assert np.array_equal(expected.knots, display.line_.get_xdata())
    assert np.array_equal(expected.watts, display.line_.get_ydata())
    assert display.line_.get_label() == "cloud_dell, 22 \u00b0C, 10 Pa"
    assert display.ax_.get_xlabel() == "CPU load [%]"
    assert display.ax_.get_ylabel() == "power [W]"


@pytest.mark.parametrize("wrong", ["zero", [1.0, 2.0], 1j, True])
def test_a_condition_that_is_no_number_is_refused_although_the_model_does_not_need_it(wrong: object) -> None:
    with pytest.raises(UsageError, match="delta_p"):
        PowerCurveDisplay.from_predictor(load_predictor("curve:0=60,100=120"), delta_p=wrong)  # type: ignore[arg-type]


def test_curves_share_axes_in_colours_of_their_own() -> None:
    first = PowerCurveDisplay(CURVE, label="one").plot()
    second = PowerCurveDisplay(CURVE, label="two").plot(ax=first.ax_)
    third = PowerCurveDisplay(CURVE, label="three").plot(ax=first.ax_, color="black", linestyle="--")
    assert first.ax_ is second.ax_ is third.ax_
    assert first.figure_ is second.figure_
    assert list(PALETTE[:2]) == [first.line_.get_color(), second.line_.get_color()]
    assert third.line_.get_color() == "black"
    assert [text.get_text() for text in first.ax_.get_legend().get_texts()] == ["one", "two", "three"]


def test_a_band_has_the_interval_of_a_model_that_has_one() -> None:
    class Known(FakeBackend):
        intervals = Intervals(
            *(np.array(values) for values in ([0.0, 100.0], [0.5, 0.9], [[-1.0, -3.0]], [[1.0, 5.0]]))
        )

    display = PowerCurveDisplay.from_predictor(Predictor(Known(100.0, 1.0)), knots=[0, 100], interval=0.9)
    corners = display.band_.get_paths()[0].vertices
    assert {tuple(corner) for corner in corners} == {(0, 97), (0, 105), (100, 197), (100, 205)}
    assert PowerCurveDisplay.from_predictor(Predictor(Known(100.0, 1.0))).band_ is None
    with pytest.raises(UsageError, match="fake has no prediction intervals"):
        PowerCurveDisplay.from_predictor(load_predictor("fake"), interval=0.9)


def test_bars_are_the_outcomes_with_watts_and_savings_next_to_them() -> None:
    outcomes = simulate(fleet_of(edge_lenovo=4), 2.0, 20, ("spread", "lookahead"))
    display = PlacementDisplay.from_outcomes(outcomes, title="four servers")
    assert [outcome.watts for outcome in outcomes] == [bar.get_width() for bar in display.bars_]
    written = [text.get_text().split() for text in display.ax_.texts]
    assert [f"{outcomes[0].watts:,.0f}", "W"] == written[0]
    saving = 100 * (1 - outcomes[1].watts / outcomes[0].watts)
    assert f"\u2212{saving:.1f}" == written[1][2]


def test_a_notebook_draws_a_display() -> None:
    display = PowerCurveDisplay(CURVE, label="x")
    assert display._repr_png_().startswith(b"\x89PNG")
    picture = display.plot()._repr_png_()
    assert picture is not None
    assert picture.startswith(b"\x89PNG")


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_a_figure_needs_no_screen(form: str, tmp_path: Path) -> None:
    display = PowerCurveDisplay(CURVE, label="x").plot()
    display.figure_.savefig(tmp_path / f"curve.{form}")
    display.figure_.savefig(BytesIO(), format=form)
    assert (tmp_path / f"curve.{form}").stat().st_size > 1000


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r"wao-predict\[plot\]"):
        PowerCurveDisplay(CURVE).plot()
