"""The figure of all set points."""

from __future__ import annotations

import numpy as np

from wao_predict.cooling.groups import Plant
from wao_predict.cooling.models import ChillerAndFans
from wao_predict.cooling.plant import PlantState
from wao_predict.cooling.plot import SetPointDisplay
from wao_predict.cooling.set_points import Limits, optimize
from wao_predict.cooling.site import ServerTable, Site


def test_the_figure_shows_present_and_recommended_set_points() -> None:
    servers = ServerTable(np.array([-10.0, 10.0]), np.array([0.5, 1.0]), np.full((2, 2), 9000.0), 25.0)
    site, limits = Site(Plant(ChillerAndFans(1e4), PlantState(25.0)), servers), Limits(27.0)
    display = SetPointDisplay(site, optimize(site, limits), limits).plot()
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["inlets above 27 \N{DEGREE SIGN}C", "present", "recommended"]
    assert "saves" in display.ax_.get_title(loc="left")
    assert display._repr_png_().startswith(b"\x89PNG")
