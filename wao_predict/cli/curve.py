"""`wao curve`: draw the power of a model over CPU load, in a file or in the terminal."""

from __future__ import annotations

import sys
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wao_predict.cli.options import ModelOption, parse_options, shipped_models
from wao_predict.cli.output import Output, print_csv, print_json, print_table

if TYPE_CHECKING:
    from wao_predict.predictor import Predictor


def curve(
    model: Annotated[
        str,
        typer.Argument(
            help="Name of an included model, specpower:NAME, CSV file of points, ONNX file, URL, or fake.",
            metavar="MODEL",
            autocompletion=shipped_models,
        ),
    ],
    inlet_temp: Annotated[
        list[float] | None, typer.Option("--inlet-temp", "-t", help="Inlet temperature [degC]; can be repeated.")
    ] = None,
    delta_p: Annotated[
        float | None,
        typer.Option("--delta-p", "-p", help="Static pressure difference [Pa]. Default: middle of the trained range."),
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option("--image", "-i", help="Image file to draw (.png, .svg or .pdf). Default: draw in the terminal."),
    ] = None,
    output: Annotated[
        Output | None, typer.Option("--output", "-o", help="Print the values of the curve instead of drawing it.")
    ] = None,
    option: ModelOption = None,
) -> None:
    """Draw the power curve of a model at one or more inlet temperatures."""
    from wao_predict.predictor import load_predictor

    if image is not None and image.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise typer.BadParameter(f"--image {image}: use a file name that ends in .png, .svg or .pdf")
    if image is not None and output is not None:
        raise typer.BadParameter("--image and --output cannot be combined; to save the values, use `-o csv > FILE`")
    if not all(isfinite(value) for value in (*(inlet_temp or ()), delta_p or 0.0)):
        raise typer.BadParameter("--inlet-temp and --delta-p must be finite numbers")
    with load_predictor(model, **parse_options(option)) as predictor:
        temperatures, pressure = _conditions(predictor, inlet_temp, delta_p)
        if output is not None:
            _print_numbers(predictor, temperatures, pressure, output)
        elif image is None:
            _draw_in_terminal(predictor, temperatures, pressure)
        else:
            _draw_in_file(predictor, temperatures, pressure, image)


def _conditions(
    predictor: Predictor, inlet_temp: list[float] | None, delta_p: float | None
) -> tuple[list[float | None], float | None]:
    """Return the given temperatures and pressure; defaults are spread over the trained range.

    A condition that the model does not need is None.
    """
    from wao_predict.features import TYPICAL

    ranges = {**TYPICAL, **(predictor.ranges or {})}
    temperatures: list[float | None] = [None]
    if "inlet_temp" in predictor.features:
        low, high = ranges["inlet_temp"]
        temperatures = list(inlet_temp or [round(low + part * (high - low)) for part in (0.2, 0.5, 0.8)])
    pressure = None
    if "delta_p" in predictor.features:
        pressure = sum(ranges["delta_p"]) / 2 if delta_p is None else delta_p
    return temperatures, pressure


def _title(predictor: Predictor, temperatures: list[float | None], pressure: float | None) -> str:
    where = "" if pressure is None else f" at {pressure:g} Pa"
    return f"{predictor.name}{where}" + ("" if temperatures == [None] else ", by inlet temperature")


def _label(temperature: float | None, unit: str) -> str:
    return "load only" if temperature is None else f"{temperature:g} {unit}"


def _draw_in_file(predictor: Predictor, temperatures: list[float | None], pressure: float | None, file: Path) -> None:
    from wao_predict.plot import PowerCurveDisplay

    display = None
    for temperature in temperatures:
        display = PowerCurveDisplay.from_predictor(
            predictor,
            inlet_temp=temperature,
            delta_p=pressure,
            ax=None if display is None else display.ax_,
            label=_label(temperature, "\u00b0C"),
        )
    assert display is not None
    display.ax_.set_title(_title(predictor, temperatures, pressure), loc="left", fontsize=11)
    display.figure_.savefig(file, dpi=150)
    sys.stdout.write(f"{file}\n")


def _draw_in_terminal(predictor: Predictor, temperatures: list[float | None], pressure: float | None) -> None:
    from wao_predict.curves import PowerCurve
    from wao_predict.errors import MissingExtra

    try:
        import plotext
    except ImportError as error:
        raise MissingExtra("drawing in the terminal", "plot") from error
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(min(plotext.terminal_width() or 100, 100), 24)
    coloured = sys.stdout.isatty()
    for index, temperature in enumerate(temperatures):
        found = PowerCurve.from_predictor(predictor, temperature, pressure)
        marker = "hd" if coloured else _MARKERS[index % len(_MARKERS)]
        plotext.plot(found.knots.tolist(), found.watts.tolist(), label=_label(temperature, "degC"), marker=marker)
    plotext.xticks([0, 25, 50, 75, 100])
    plotext.title(_title(predictor, temperatures, pressure))
    plotext.xlabel("CPU load [%]")
    plotext.ylabel("power [W]")
    drawn = str(plotext.build())
    sys.stdout.write((drawn if coloured else str(plotext.uncolorize(drawn))) + "\n")


_MARKERS = (".", "+", "x", "o", "*")
"""Markers of the curves in output without colour."""


def _print_numbers(
    predictor: Predictor, temperatures: list[float | None], pressure: float | None, form: Output
) -> None:
    import numpy as np

    from wao_predict.curves import power_curves, warn_outside

    given = None if None in temperatures else [value for value in temperatures if value is not None]
    pressures = None if pressure is None else [pressure] * len(temperatures)
    warn_outside(predictor, given, pressures)
    curves = power_curves(predictor, given, pressures)
    if form is Output.JSON:
        rows = [
            {"inlet_temp": temperature, "delta_p": pressure, "watts": [round(float(value), 3) for value in watts]}
            for temperature, watts in zip(temperatures, curves.watts, strict=True)
        ]
        print_json({"model": predictor.name, "cpu_usage": curves.knots.tolist(), "curves": rows})
        return
    header = ["cpu_usage", *("watts" if t is None else f"watts_at_{t:g}_degC" for t in temperatures)]
    values = [[float(value) for value in row] for row in np.column_stack([curves.knots, curves.watts.T]).round(3)]
    if form is Output.CSV:
        print_csv(header, values)
    else:
        print_table(header, values)
